#include "linear_transform.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "thread_pool.hpp"

namespace safelight {

const SwitchKey& KeySet::rotation(uint64_t element) const {
  const auto found = galois.find(element);
  if (found == galois.end()) {
    throw std::invalid_argument("no key for Galois element " + std::to_string(element));
  }
  return *found->second;
}

size_t KeySet::bytes() const {
  size_t sum = relinearization ? relinearization->slab.size() : 0;
  for (const auto& [element, key] : galois) sum += key->slab.size();
  return sum;
}

LinearTransform::LinearTransform(const Context& context, size_t level, std::vector<uint64_t> babies,
                                 std::vector<Giant> giants, Form form)
    : level_(level), babies_(std::move(babies)), giants_(std::move(giants)) {
  if (level > context.max_level() || babies_.empty() || giants_.empty()) {
    throw std::invalid_argument("a linear transform without diagonals, or above the top level");
  }
  const auto moves = [](uint64_t element) { return element != 1; };
  rotates_before_ = std::any_of(babies_.begin(), babies_.end(), moves);
  rotates_after_ = std::any_of(giants_.begin(), giants_.end(),
                               [&](const Giant& giant) { return moves(giant.turn); });
  hoists_ = rotates_before_ && form == Form::hoisted;
  compact_ = form == Form::compact;
  for (const Giant& giant : giants_) {
    if (giant.turn == 1 && !giant.last) {
      throw std::invalid_argument("a chain of giant steps stands still");
    }
    for (const uint32_t baby : giant.babies) {
      if (baby >= babies_.size()) throw std::invalid_argument("a baby step is out of range");
    }
  }
  if (compact_) {
    for (size_t j = 0; j <= level_; ++j) {
      if (context.moduli[j].q >> 31 == 0) {
        throw std::invalid_argument("coefficients of 32 bits beside a smaller prime");
      }
    }
    size_t terms = 0;
    for (const Giant& giant : giants_) terms += giant.babies.size();
    slab_ = Slab(giants_.size() * 2 * kGroup * sizeof(uint64_t) +
                 terms * context.n * sizeof(int32_t));
    for (const Giant& giant : giants_) {
      uint8_t* piece = slab_.allocate(giant.babies.size() * context.n * sizeof(int32_t));
      coefficients_.push_back(reinterpret_cast<int32_t*>(piece));
    }
    return;
  }
  const size_t rows = level_ + 1 + (hoists_ ? 1 : 0);
  size_t room = 0;
  for (size_t j = 0; j < rows; ++j) {
    size_t terms = 0;
    for (const Giant& giant : giants_) {
      for (const uint32_t baby : giant.babies) terms += in_row(j, baby) ? 1 : 0;
    }
    terms_.push_back(terms);
    room += Slab::room(context.operand_bytes(context.prime_of_row(j, level_), terms * context.n));
  }
  slab_ = Slab(room);
  for (size_t j = 0; j < rows; ++j) {
    const size_t prime = context.prime_of_row(j, level_);
    rows_.push_back(slab_.allocate(context.operand_bytes(prime, terms_[j] * context.n)));
  }
}

// Baby step 0, brought into the extended basis by a factor P, is 0 modulo P.
bool LinearTransform::in_row(size_t row, uint32_t baby) const {
  return row <= level_ || babies_[baby] != 1;
}

// Whether the inner sum of a giant step meets sums of key switches: those are P times as large.
bool LinearTransform::extended(size_t giant) const {
  return hoists_ || !giants_[giant].first || (giants_[giant].turn == 1 && rotates_after_);
}

void LinearTransform::set_diagonal(const Context& context, size_t giant, size_t term,
                                   const double* coefficients) {
  if (giant >= giants_.size() || term >= giants_[giant].babies.size()) {
    throw std::invalid_argument("a diagonal is out of range");
  }
  if (compact_) {
    int32_t* kept = coefficients_[giant] + term * context.n;
    for (size_t i = 0; i < context.n; ++i) {
      if (!(std::fabs(coefficients[i]) < 0x1p31)) {
        throw std::invalid_argument("a coefficient does not fit 32 bits");
      }
      kept[i] = static_cast<int32_t>(coefficients[i]);
    }
    return;
  }
  const uint32_t baby = giants_[giant].babies[term];
  // What joins the extended basis without a key switch carries the factor P here.
  const bool times_special = hoists_ ? babies_[baby] == 1 : extended(giant);
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
    uint64_t* row = thread_scratch(3, context.n);
    encode_words(context, prime, coefficients, row);
    const OperandLayout layout{
        rows_[j] + context.operand_bytes(prime, before * kChunk + position * kGroup),
        context.operand_bytes(prime, terms_[j] * kChunk),
        context.operand_bytes(prime, own * kGroup), context.operand_bits(prime)};
    context.k.store_words(layout, row,
                          times_special ? context.special_to_operand[prime] : m.to_operand,
                          context.n, m);
  }
}

// The vector rotated by each baby step that has a key.
std::vector<Value> LinearTransform::rotated_babies(const Context& context, const Value& src,
                                                   const std::vector<const SwitchKey*>& keys,
                                                   Digits digits) {
  std::vector<const SwitchKey*> used;
  for (const SwitchKey* key : keys) {
    if (key != nullptr) used.push_back(key);
  }
  std::vector<Value> values = rotate_hoisted(context, src, used, digits);
  std::vector<Value> out(keys.size());
  size_t next = 0;
  for (size_t b = 0; b < keys.size(); ++b) {
    if (keys[b] != nullptr) out[b] = std::move(values[next++]);
  }
  return out;
}

// One row of one giant step's inner sum: its diagonals are transformed, used and forgotten.
void LinearTransform::compact_sum(const Context& context, const std::vector<const Value*>& babies,
                                  size_t row, size_t giant, const Value& out) const {
  const size_t n = context.n, count = giants_[giant].babies.size();
  const Modulus& m = context.moduli[row];
  const auto bytes = [&](size_t residues) { return context.operand_bytes(row, residues); };
  const Constant& factor = extended(giant) ? context.special_to_operand[row] : m.to_operand;
  uint64_t* words = thread_scratch(3, n);
  auto* operands = reinterpret_cast<uint8_t*>(
      thread_scratch(5, (bytes(count * n) + 2 * kGroup * sizeof(uint64_t)) / sizeof(uint64_t)));
  std::vector<KeyProduct> products(count);
  std::vector<uint32_t> indices;
  for (size_t t = 0; t < count; ++t) {
    const int32_t* coefficients = coefficients_[giant] + t * n;
    context.k.load_signed(words, coefficients, n, m);
    context.k.forward(words, 1, words, Lift{}, thread_scratch(0, work_words(n)),
                      context.tables[row], m);
    const OperandLayout layout{operands + bytes(t * kGroup), bytes(count * kChunk),
                               bytes(count * kGroup), context.operand_bits(row)};
    context.k.store_words(layout, words, factor, n, m);
    const Value& baby = *babies[giants_[giant].babies[t]];
    products[t].digits = baby.rows[0][row];
    products[t].addend = baby.rows[1][row];
    indices.push_back(static_cast<uint32_t>(t));
  }
  const GiantStep step{indices.data(), static_cast<uint32_t>(count),
                       context.reduced_steps(row, count), out.rows[0][row], out.rows[1][row]};
  LinearRow sum{};
  sum.babies = products.data();
  sum.baby_count = static_cast<uint32_t>(count);
  sum.giant_count = 1;
  sum.giants = &step;
  sum.operand_bits = context.operand_bits(row);
  sum.plain = operands;
  sum.plain_chunk_bytes = bytes(count * kChunk);
  sum.scratch = thread_scratch(2, count * 2 * kChunk);
  context.k.linear_row(sum, 0, n / kChunk, m);
}

// Σ_baby diagonal ⊙ rotate(src, baby) for each giant step.
std::vector<Value> LinearTransform::inner_sums(const Context& context, const Value& src,
                                               const KeySet& keys, Digits digits) const {
  Decomposition decomposition;
  std::vector<const SwitchKey*> baby_keys(babies_.size(), nullptr);
  std::vector<Value> rotated;  // unless they are hoisted
  if (rotates_before_) {
    for (size_t b = 0; b < babies_.size(); ++b) {
      if (babies_[b] != 1) baby_keys[b] = &keys.rotation(babies_[b]);
    }
    if (hoists_) {
      decomposition = decompose(context, src.rows[1], level_, digits, nullptr);
    } else {
      rotated = rotated_babies(context, src, baby_keys, digits);
    }
  }

  std::vector<Value> sums;
  for (size_t g = 0; g < giants_.size(); ++g) {
    sums.push_back(make_value(context, level_, extended(g)));
    if (hoists_ || !extended(g)) continue;
    for (auto& component : sums[g].rows) {  // P times something is 0 modulo P
      std::fill_n(component[level_ + 1], context.n, uint64_t{0});
    }
  }

  if (compact_) {
    std::vector<const Value*> babies;
    for (size_t b = 0; b < babies_.size(); ++b) {
      babies.push_back(babies_[b] == 1 ? &src : &rotated[b]);
    }
    parallel_for((level_ + 1) * giants_.size(), [&](size_t task) {
      const size_t g = task % giants_.size();
      compact_sum(context, babies, task / giants_.size(), g, sums[g]);
    });
    return sums;
  }

  const size_t rows = rows_.size(), chunks = context.n / kChunk;
  const size_t parts = threads() == 1 ? 1 : 8;
  parallel_rows(rows, [&](size_t j) {
    uint64_t* digit_words = hoists_ ? digit_row(context, level_) : nullptr;
    if (hoists_) transform_digits(context, decomposition, j, digit_words);
    const size_t prime = context.prime_of_row(j, level_);
    std::vector<KeyProduct> babies(babies_.size());
    uint32_t unreduced = 0;
    for (size_t b = 0; b < babies_.size(); ++b) {
      if (!hoists_) {
        const Value& baby = babies_[b] == 1 ? src : rotated[b];
        babies[b].digits = baby.rows[0][j];
        babies[b].addend = baby.rows[1][j];
      } else if (babies_[b] == 1) {
        // modulo P nothing refers to it, so any row serves
        babies[b].digits = src.rows[0][std::min(j, level_)];
        babies[b].addend = src.rows[1][std::min(j, level_)];
      } else {
        babies[b] = key_product(context, decomposition, digit_words, *baby_keys[b], j);
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
                   context.reduced_steps(prime, count, unreduced), sums[g].rows[0][j],
                   sums[g].rows[1][j]};
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
  });
  return sums;
}

Value LinearTransform::run(const Context& context, const Value& src, const KeySet& keys,
                           Digits digits) const {
  if (src.extended || src.level != level_) {
    throw std::invalid_argument("a linear transform is prepared for one level");
  }
  std::vector<const SwitchKey*> turn_keys;
  std::vector<size_t> starts;  // of the chains
  for (size_t g = 0; g < giants_.size(); ++g) {
    if (giants_[g].first) starts.push_back(g);
    turn_keys.push_back(giants_[g].turn == 1 ? nullptr : &keys.rotation(giants_[g].turn));
  }
  std::vector<Value> sums = inner_sums(context, src, keys, digits);
  // Turns what the chain has and adds it to `into`, where there is something.
  const auto turn = [&](size_t g, Value& sum, Value& into) {
    const Decomposition decomposition =
        sum.extended ? decompose_extended(context, sum.rows[1], level_, digits)
                     : decompose(context, sum.rows[1], level_, digits, nullptr);
    const Value* base = into.empty() ? nullptr : &into;
    if (into.empty()) into = make_value(context, level_, true);
    switch_into(context, decomposition, *turn_keys[g], Addend{sum.extended, &sum.rows[0], nullptr},
                base, into);
    sum = Value{};
  };
  const auto run_chain = [&](size_t start, Value& into) {
    for (size_t g = start;; ++g) {
      if (!giants_[g].last) {
        turn(g, sums[g], sums[g + 1]);
      } else if (turn_keys[g] != nullptr) {
        return turn(g, sums[g], into);
      } else {
        into = into.empty() ? std::move(sums[g]) : add(context, into, sums[g]);
        return;
      }
    }
  };

  // Where chains are equal enough, each is one thread's work from begin to end: fewer meetings
  // than sharing every rotation.
  size_t longest = 0;
  for (size_t c = 0; c < starts.size(); ++c) {
    const size_t end = c + 1 < starts.size() ? starts[c + 1] : giants_.size();
    longest = std::max(longest, end - starts[c]);
  }
  if (threads() == 1 || 4 * longest * threads() > 5 * giants_.size()) {
    Value out;
    for (const size_t start : starts) run_chain(start, out);
    return out;
  }
  std::vector<Value> partial(starts.size());
  parallel_for(starts.size(), [&](size_t c) { run_chain(starts[c], partial[c]); });
  Value out = std::move(partial[0]);
  for (size_t c = 1; c < starts.size(); ++c) out = add(context, out, partial[c]);
  return out;
}

}  // namespace safelight
