#include "linear_transform.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <string>

#include "thread_pool.hpp"

namespace safelight {

const SwitchKey& KeySet::rotation(uint64_t element) const {
  const auto found = galois.find(element);
  if (found == galois.end()) {
    throw std::invalid_argument("no key for Galois element " + std::to_string(element));
  }
  return found->second;
}

LinearTransform::LinearTransform(const Context& context, size_t level, std::vector<uint64_t> babies,
                                 std::vector<Giant> giants)
    : level_(level), babies_(std::move(babies)), giants_(std::move(giants)) {
  if (level > context.max_level() || babies_.empty() || giants_.empty()) {
    throw std::invalid_argument("a linear transform without diagonals, or above the top level");
  }
  const auto moves = [](uint64_t element) { return element != 1; };
  rotates_before_ = std::any_of(babies_.begin(), babies_.end(), moves);
  rotates_after_ = std::any_of(giants_.begin(), giants_.end(),
                               [&](const Giant& giant) { return moves(giant.element); });
  for (const Giant& giant : giants_) {
    for (const uint32_t baby : giant.babies) {
      if (baby >= babies_.size()) throw std::invalid_argument("a baby step is out of range");
    }
  }
  const size_t rows = level_ + 1 + (rotates_before_ ? 1 : 0);
  for (size_t j = 0; j < rows; ++j) {
    size_t terms = 0;
    for (const Giant& giant : giants_) {
      for (const uint32_t baby : giant.babies) terms += in_row(j, baby) ? 1 : 0;
    }
    terms_.push_back(terms);
    rows_.push_back(
        slab_.allocate(context.operand_bytes(context.prime_of_row(j, level_), terms * context.n)));
  }
}

// Baby step 0, brought into the extended basis by a factor P, is 0 modulo P.
bool LinearTransform::in_row(size_t row, uint32_t baby) const {
  return row <= level_ || babies_[baby] != 1;
}

void LinearTransform::set_diagonal(const Context& context, size_t giant, size_t term,
                                   const double* coefficients) {
  if (giant >= giants_.size() || term >= giants_[giant].babies.size()) {
    throw std::invalid_argument("a diagonal is out of range");
  }
  const uint32_t baby = giants_[giant].babies[term];
  // What joins the extended basis without a key switch carries the factor P here.
  const bool times_special =
      rotates_before_ ? babies_[baby] == 1 : rotates_after_ && giants_[giant].element == 1;
  for (size_t j = 0; j < rows_.size(); ++j) {
    if (!in_row(j, baby)) continue;
    // terms of the giant steps before, of this one, and of this one before this term
    size_t before = 0, own = 0, position = 0;
    for (size_t g = 0; g <= giant; ++g) {
      for (size_t t = 0; t < giants_[g].babies.size(); ++t) {
        if (!in_row(j, giants_[g].babies[t])) continue;
        if (g < giant) ++before;
        if (g == giant) ++own;
        if (g == giant && t < term) ++position;
      }
    }
    const size_t prime = context.prime_of_row(j, level_);
    const Modulus& m = context.moduli[prime];
    const uint64_t factor = times_special ? context.moduli[context.special()].q % m.q : uint64_t{1};
    uint64_t* row = thread_scratch(3, context.n);
    encode_row(context, prime, coefficients, factor, row);
    const OperandLayout layout{
        rows_[j] + context.operand_bytes(prime, before * kChunk + position * kGroup),
        context.operand_bytes(prime, terms_[j] * kChunk),
        context.operand_bytes(prime, own * kGroup), context.operand_bits(prime)};
    context.k.store_operands(layout, row, nullptr, context.n, m);
  }
}

// Σ_baby diagonal ⊙ rotate(src, baby) for each giant step. The one of giant step 0 is returned, the
// others are appended to `sums` in order.
Value LinearTransform::inner_sums(const Context& context, const Value& src, const KeySet& keys,
                                  Digits digits, std::vector<Value>& sums) const {
  Decomposition decomposition;
  std::vector<const SwitchKey*> baby_keys(babies_.size(), nullptr);
  if (rotates_before_) {
    decomposition = decompose(context, src.rows[1], level_, digits, nullptr);
    for (size_t b = 0; b < babies_.size(); ++b) {
      if (babies_[b] == 1) continue;
      baby_keys[b] = &keys.rotation(babies_[b]);
    }
  }

  Value still;
  std::vector<Value*> outs(giants_.size());
  sums.reserve(giants_.size());
  for (size_t g = 0; g < giants_.size(); ++g) {
    if (giants_[g].element == 1) {
      still = make_value(context, level_, rotates_before_ || rotates_after_);
      outs[g] = &still;
    } else {
      sums.push_back(make_value(context, level_, rotates_before_));
      outs[g] = &sums.back();
    }
  }

  const size_t rows = rows_.size(), chunks = context.n / kChunk;
  const size_t parts = threads() == 1 ? 1 : 8;
  const Rows2D digit_rows(rotates_before_ ? level_ + 1 : 0, context.n);
  for (size_t j = 0; j < rows; ++j) {
    if (rotates_before_) transform_digits(context, decomposition, j, digit_rows.row(0));
    const size_t prime = context.prime_of_row(j, level_);
    std::vector<KeyProduct> babies(babies_.size());
    uint32_t unreduced = 0;
    for (size_t b = 0; b < babies_.size(); ++b) {
      if (babies_[b] == 1) {
        // modulo P nothing refers to it, so any row serves
        babies[b].digits = src.rows[0][std::min(j, level_)];
        babies[b].addend = src.rows[1][std::min(j, level_)];
      } else {
        babies[b] = key_product(context, decomposition, digit_rows.row(0), *baby_keys[b], j);
        if (may_stay_lazy(context.k.path, context.moduli[prime], babies[b].steps)) {
          unreduced = std::max(unreduced, babies[b].steps);
          babies[b].steps = 0;
        }
        if (j <= level_) {
          babies[b].addend = src.rows[0][j];
          babies[b].addend_operand = context.special_operand[j];
        }
      }
    }
    std::vector<uint32_t> indices;
    indices.reserve(terms_[j]);
    std::vector<GiantStep> giants(giants_.size());
    for (size_t g = 0; g < giants_.size(); ++g) {
      const size_t first = indices.size();
      for (const uint32_t baby : giants_[g].babies) {
        if (in_row(j, baby)) indices.push_back(baby);
      }
      const size_t count = indices.size() - first;
      giants[g] = {indices.data() + first, static_cast<uint32_t>(count),
                   context.reduced_steps(prime, count, unreduced), outs[g]->rows[0][j],
                   outs[g]->rows[1][j]};
    }
    LinearRow row{};
    row.babies = babies.data();
    row.baby_count = static_cast<uint32_t>(babies.size());
    row.giants = giants.data();
    row.giant_count = static_cast<uint32_t>(giants.size());
    row.operand_bits = context.operand_bits(prime);
    row.plain = rows_[j];
    row.plain_chunk_bytes = context.operand_bytes(prime, terms_[j] * kChunk);
    parallel_for(parts, [&](size_t part) {
      LinearRow mine = row;
      mine.scratch = thread_scratch(2, babies.size() * 2 * kChunk);
      context.k.linear_row(mine, chunks * part / parts, chunks * (part + 1) / parts,
                           context.moduli[prime]);
    });
  }
  if (!still.empty() && still.extended && !rotates_before_) {
    for (auto& component : still.rows) {
      std::fill_n(component[level_ + 1], context.n, uint64_t{0});
    }
  }
  return still;
}

Value LinearTransform::run(const Context& context, const Value& src, const KeySet& keys,
                           Digits digits) const {
  if (src.extended || src.level != level_) {
    throw std::invalid_argument("a linear transform is prepared for one level");
  }
  std::vector<Value> sums;
  Value out = inner_sums(context, src, keys, digits, sums);
  std::vector<const SwitchKey*> giant_keys;
  for (const Giant& giant : giants_) {
    if (giant.element != 1) giant_keys.push_back(&keys.rotation(giant.element));
  }
  const auto turn = [&](size_t g, bool accumulate, Value& into) {
    const Value& sum = sums[g];
    const Decomposition decomposition =
        sum.extended ? decompose_extended(context, sum.rows[1], level_, digits)
                     : decompose(context, sum.rows[1], level_, digits, nullptr);
    switch_into(context, decomposition, *giant_keys[g], Addend{sum.extended, &sum.rows[0], nullptr},
                accumulate ? &into : nullptr, into);
  };

  // Where there are enough giant steps, each is one thread's work from begin to end and every
  // thread sums its own: fewer meetings than sharing each of them.
  const size_t shares = sums.size() >= 2 * threads() ? threads() : 1;
  std::vector<Value> partial(shares);
  if (!out.empty()) partial[0] = std::move(out);
  std::atomic<size_t> next{0};
  const auto work = [&](size_t share) {
    Value& into = partial[share];
    bool accumulate = !into.empty();
    for (size_t g = next++; g < sums.size(); g = next++) {
      if (into.empty()) into = make_value(context, level_, true);
      turn(g, accumulate, into);
      accumulate = true;
    }
  };
  if (shares == 1) {
    work(0);
  } else {
    parallel_for(shares, work);
  }
  for (Value& value : partial) {
    if (value.empty()) continue;
    out = out.empty() ? std::move(value) : add(context, out, value);
  }
  return out;
}

}  // namespace safelight
