// Ciphertexts and the primitives on them.
#pragma once

#include <memory>
#include <vector>

#include "buffer.hpp"
#include "context.hpp"

namespace safelight {

// Consecutive rows of N words.
class Rows2D {
 public:
  Rows2D() = default;
  Rows2D(size_t rows, size_t n) : buffer_(rows * n * sizeof(uint64_t)), n_(n), rows_(rows) {}
  uint64_t* row(size_t i) const { return buffer_.words() + i * n_; }
  size_t rows() const { return rows_; }

 private:
  Buffer buffer_;
  size_t n_ = 0;
  size_t rows_ = 0;
};

// A ciphertext of two components. In the basis q_0 … q_level or, `extended`, also P and then P
// times as large: what a key switch leaves before it is divided by P. Dividing late lets sums of
// key switches share one division. Never changed once made, so rows may be shared.
struct Value {
  size_t level = 0;
  bool extended = false;
  std::shared_ptr<const Rows2D> owner;
  std::vector<uint64_t*> rows[2];

  bool empty() const { return rows[0].empty(); }
};

Value make_value(const Context& context, size_t level, bool extended);

// How a residue is read as a digit: see Lift. Programs use `centred`, whose key switches are 25
// times more exact; `seal` gives SEAL's bits.
enum class Digits { centred, seal };

// One key-switching key in operand form, lanes arranged for its automorphism.
struct SwitchKey {
  size_t level = 0;
  uint64_t element = 1;
  Slab slab;
  std::vector<const uint8_t*> rows;  // q_0 … q_level, P: [group][digit][component][32]
};

// `residues`: [level + 1][2][level + 2][N] in SEAL's order, the special prime last. Throws
// std::invalid_argument for a residue at or above its prime.
SwitchKey load_switch_key(const Context& context, size_t level, uint64_t element,
                          const uint64_t* residues);

// The digits of a polynomial, as coefficients. Modulo each prime of the extended basis they are
// transformed when that row's turn comes and used while they are in the cache, by all rotations
// that share them.
struct Decomposition {
  size_t level = 0;
  Rows2D coefficients;  // level + 1 rows (and one that is no digit, if extended)
  Lift::Mode mode = Lift::centred;
  const Galois* rotation = nullptr;
  std::vector<uint64_t*> transformed;  // digit i modulo its own prime, where that is known
};

// `c1`: level + 1 rows, which stay alive as long as the result. `rotation`: with Digits::seal, the
// automorphism that is to follow.
Decomposition decompose(const Context& context, const std::vector<uint64_t*>& c1, size_t level,
                        Digits digits, const Galois* rotation);
// Of P^-1 times level + 2 rows in the extended basis.
Decomposition decompose_extended(const Context& context, const std::vector<uint64_t*>& c1,
                                 size_t level, Digits digits);
// Scratch of the calling thread for one row of digits.
uint64_t* digit_row(const Context& context, size_t level);
// One row of digits, interleaved as KeyProduct reads them: (level + 1) N words.
void transform_digits(const Context& context, const Decomposition& decomposition, size_t row,
                      uint64_t* digits);

// What one row of a key switch reads.
KeyProduct key_product(const Context& context, const Decomposition& decomposition,
                       const uint64_t* digits, const SwitchKey& key, size_t row);

// Rows that join component 0 (or both) of a key switch before the automorphism: of a value, which
// is multiplied by P first if it is not extended.
struct Addend {
  bool extended = false;
  const std::vector<uint64_t*>* rows0 = nullptr;
  const std::vector<uint64_t*>* rows1 = nullptr;
};

// out = σ(Σ digit ⊙ key + addend) + base: an extended value. `base` may be null, `out` itself or, P
// times as large then, a value in the plain basis.
void switch_into(const Context& context, const Decomposition& decomposition, const SwitchKey& key,
                 const Addend& addend, const Value* base, Value& out);

// The same for several keys and without base, each result divided by P at once.
std::vector<Value> switch_and_divide(const Context& context, const Decomposition& decomposition,
                                     const std::vector<const SwitchKey*>& keys,
                                     const Value& addend);

Value divide_by_special(const Context& context, const Value& extended);
Value rescale(const Context& context, const Value& value);  // either basis
Value drop_level(const Context& context, const Value& value, size_t level);

Value add(const Context& context, const Value& a, const Value& b);
Value multiply_special(const Context& context, const Value& value);  // into the extended basis
Value multiply(const Context& context, const Value& a, const Value& b, const SwitchKey& key,
               Digits digits);
Value rotate(const Context& context, const Value& value, const SwitchKey& key, Digits digits);
// Several rotations that share one decomposition.
std::vector<Value> rotate_hoisted(const Context& context, const Value& value,
                                  const std::vector<const SwitchKey*>& keys, Digits digits);

// A plaintext at some level: reduced rows, or operands to multiply by.
struct Plain {
  Rows2D rows;
};
struct PlainOperand {
  PlainOperand() = default;
  PlainOperand(PlainOperand&&) = default;
  PlainOperand& operator=(PlainOperand&&) = default;

  std::vector<Buffer> rows;
};
// `coefficients`: N integers as doubles, of any size.
// Transformed, as words.
void encode_words(const Context& context, size_t prime, const double* coefficients,
                  uint64_t* words);
Plain encode_plain(const Context& context, const double* coefficients, size_t level);
PlainOperand encode_operand(const Context& context, const double* coefficients, size_t level);
Value add_plain(const Context& context, const Value& value, const Plain& plain);
Value multiply_plain(const Context& context, const Value& value, const PlainOperand& plain);

// [2][level + 1][N] integers below their primes, checked.
Value import_value(const Context& context, const uint64_t* residues, size_t level);
void export_value(const Context& context, const Value& value, uint64_t* residues);

}  // namespace safelight
