// A matrix times an encrypted vector, by its diagonals.
#pragma once

#include <map>
#include <memory>

#include "evaluator.hpp"

namespace safelight {

// The evaluation keys that a run may use; sets may share keys.
struct KeySet {
  std::shared_ptr<const SwitchKey> relinearization;
  std::map<uint64_t, std::shared_ptr<const SwitchKey>> galois;

  size_t bytes() const;
  const SwitchKey& rotation(uint64_t element) const;  // throws std::invalid_argument
};

// Baby-step giant-step with its diagonals encoded, at one level.
//
// All baby steps share one decomposition and stay in the extended basis, so that they cost no
// division by P; each giant step divides only its component 1; the sum is divided once, by whoever
// needs it (double hoisting, Bossuat et al., eprint 2020/1203, section 5). With many diagonals for
// each baby step, dividing the baby steps costs less than a further row of every diagonal.
class LinearTransform {
 public:
  // Giant steps are added up in chains: what a chain has so far, rotated by the `turn` of its last
  // giant step, joins the next one's inner sum (Horner's rule).
  struct Giant {
    uint64_t turn = 1;  // Galois element; 1 only at the end of a chain
    bool first = true;  // of its chain
    bool last = true;
    std::vector<uint32_t> babies;  // indices into `babies`
  };

  enum class Form {
    hoisted,  // baby steps stay in the extended basis
    divided,  // baby steps leave it before they meet the diagonals, which then have a row less
    // The same, and diagonals are kept as coefficients of 32 bits, a fraction of their memory, and
    // transformed when they are used.
    compact,
  };
  // `babies`: Galois elements; 1 is the vector itself.
  LinearTransform(const Context& context, size_t level, std::vector<uint64_t> babies,
                  std::vector<Giant> giants, Form form);
  LinearTransform(LinearTransform&&) = default;

  // The diagonal of a giant step's term, already rotated by minus the giant step, as coefficients.
  void set_diagonal(const Context& context, size_t giant, size_t term, const double* coefficients);

  Value run(const Context& context, const Value& src, const KeySet& keys, Digits digits) const;
  size_t bytes() const { return slab_.size(); }
  size_t level() const { return level_; }

 private:
  bool in_row(size_t row, uint32_t baby) const;
  bool extended(size_t giant) const;
  void compact_sum(const Context& context, const std::vector<const Value*>& babies, size_t row,
                   size_t giant, const Value& out) const;
  static std::vector<Value> rotated_babies(const Context& context, const Value& src,
                                           const std::vector<const SwitchKey*>& keys,
                                           Digits digits);
  std::vector<Value> inner_sums(const Context& context, const Value& src, const KeySet& keys,
                                Digits digits) const;

  size_t level_;
  std::vector<uint64_t> babies_;
  std::vector<Giant> giants_;
  bool rotates_before_;        // some baby step is not 0
  bool hoists_;                // and stays in the extended basis, as do the sums then
  bool rotates_after_;         // some chain turns
  std::vector<size_t> terms_;  // for each row
  Slab slab_;
  std::vector<uint8_t*> rows_;  // operands: [chunk][giant step][group][term][32]
  bool compact_;
  std::vector<int32_t*> coefficients_;  // compact: of each giant step, [term][N]
};

}  // namespace safelight
