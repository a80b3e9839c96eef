// Everything that one set of parameters needs, computed once: tables and constants.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "buffer.hpp"
#include "kernels.hpp"

namespace safelight {

// An automorphism x → x^element, with its tables.
struct Galois {
  std::vector<uint32_t> blocks;
  std::vector<uint64_t> lanes;
  std::vector<uint8_t> inverse_index;
  std::vector<uint8_t> flips;  // one bit for each coefficient that changes its sign
  GaloisMap map;
};

class Context {
 public:
  // `primes`: q_0 … q_L, then the special prime P.
  Context(const Kernels& kernels, size_t n, const std::vector<uint64_t>& primes);
  // Shared by all users of the same parameters.
  static std::shared_ptr<const Context> get(const Kernels& kernels, size_t n,
                                            const std::vector<uint64_t>& primes);

  const Kernels& k;
  const size_t n;
  const uint32_t log_n;
  size_t prime_count() const { return moduli.size(); }
  size_t special() const { return moduli.size() - 1; }
  size_t max_level() const { return moduli.size() - 2; }
  // Prime of row j in the extended basis (q_0 … q_level, P).
  size_t prime_of_row(size_t j, size_t level) const { return j <= level ? j : special(); }
  // Key and plaintext residues are packed to 48 bits where they fit, to `wide_operand_bits` else.
  uint32_t operand_bits(size_t prime) const {
    return moduli[prime].q >> 48 == 0 ? 48 : k.wide_operand_bits;
  }
  size_t operand_bytes(size_t prime, size_t count) const { return count * operand_bits(prime) / 8; }

  Lift lift(size_t from, size_t to, Lift::Mode mode, const Galois* galois = nullptr) const;
  const Galois& galois(uint64_t element) const;
  // Reduction steps for a sum of `terms` products of transform output / of words
  uint32_t lazy_steps(size_t prime, size_t terms) const;
  // left with `unreduced` halvings undone.
  uint32_t reduced_steps(size_t prime, size_t terms, uint32_t unreduced = 0) const;

  std::vector<Modulus> moduli;
  std::vector<NttTables> tables;
  uint64_t largest;
  // [i][j]: −1/q_i modulo q_j; and −1/(P q_i)
  std::vector<std::vector<Constant>> negated_inverse;
  std::vector<std::vector<Constant>> negated_inverse_with_special;
  std::vector<Constant> special_constant;  // P modulo q_j
  std::vector<uint64_t> special_operand;   // the same as an operand (see KeyProduct)
  std::vector<Constant> special_to_operand;  // P times what makes an operand of a residue

 private:
  void make_tables(size_t prime);
  std::vector<Buffer> kept_;  // the tables' memory
  mutable std::mutex mutex_;
  mutable std::map<uint64_t, std::unique_ptr<Galois>> galois_;
};

// The smallest primitive 2n-th root of unity modulo q, as SEAL chooses it.
uint64_t minimal_root(uint64_t q, size_t n);

}  // namespace safelight
