// Additions, products, rotations, plaintexts; what enters and leaves.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "evaluator.hpp"
#include "thread_pool.hpp"

namespace safelight {

Value make_value(const Context& context, size_t level, bool extended) {
  const size_t rows = level + 1 + (extended ? 1 : 0);
  auto owner = std::make_shared<Rows2D>(2 * rows, context.n);
  Value value{level, extended, owner, {}};
  for (size_t c = 0; c < 2; ++c) {
    for (size_t j = 0; j < rows; ++j) value.rows[c].push_back(owner->row(c * rows + j));
  }
  return value;
}

Value drop_level(const Context&, const Value& value, size_t level) {
  if (level > value.level) throw std::invalid_argument("a level cannot be raised");
  Value out = value;  // the rows stay where they are
  out.level = level;
  for (auto& rows : out.rows) {
    const auto first = rows.begin() + static_cast<std::ptrdiff_t>(level + 1);
    rows.erase(first, first + static_cast<std::ptrdiff_t>(value.level - level));
  }
  return out;
}

Value multiply_special(const Context& context, const Value& value) {
  if (value.extended) return value;
  Value out = make_value(context, value.level, true);
  for (size_t c = 0; c < 2; ++c) {
    for (size_t j = 0; j <= value.level; ++j) {
      context.k.scale(out.rows[c][j], value.rows[c][j], context.special_constant[j], nullptr,
                      context.n, context.moduli[j]);
    }
    std::fill_n(out.rows[c][value.level + 1], context.n, uint64_t{0});
  }
  return out;
}

Value add(const Context& context, const Value& a, const Value& b) {
  if (a.level != b.level) throw std::invalid_argument("sums need equal levels");
  if (a.extended != b.extended) {
    return add(context, multiply_special(context, a), multiply_special(context, b));
  }
  Value out = make_value(context, a.level, a.extended);
  for (size_t c = 0; c < 2; ++c) {
    for (size_t j = 0; j < a.rows[c].size(); ++j) {
      context.k.add(out.rows[c][j], a.rows[c][j], b.rows[c][j], context.n,
                    context.moduli[context.prime_of_row(j, a.level)]);
    }
  }
  return out;
}

Value multiply(const Context& context, const Value& a, const Value& b, const SwitchKey& key,
               Digits digits) {
  const size_t level = a.level;
  if (b.level != level || a.extended || b.extended) {
    throw std::invalid_argument("a product needs two values of one level in the plain basis");
  }
  const Rows2D product(3 * (level + 1), context.n);
  std::vector<uint64_t*> d0, d1, d2;
  for (size_t j = 0; j <= level; ++j) {
    d0.push_back(product.row(3 * j));
    d1.push_back(product.row(3 * j + 1));
    d2.push_back(product.row(3 * j + 2));
  }
  parallel_for(level + 1, [&](size_t j) {
    context.k.tensor(d0[j], d1[j], d2[j], a.rows[0][j], a.rows[1][j], b.rows[0][j], b.rows[1][j],
                     context.n, context.moduli[j]);
  });
  const Decomposition decomposition = decompose(context, d2, level, digits, nullptr);
  Value out = make_value(context, level, true);
  switch_into(context, decomposition, key, Addend{false, &d0, &d1}, nullptr, out);
  return out;
}

Value rotate(const Context& context, const Value& value, const SwitchKey& key, Digits digits) {
  if (value.extended) throw std::invalid_argument("only values in the plain basis are rotated");
  const Galois* rotation = digits == Digits::seal ? &context.galois(key.element) : nullptr;
  const Decomposition decomposition =
      decompose(context, value.rows[1], value.level, digits, rotation);
  return std::move(switch_and_divide(context, decomposition, {&key}, value).front());
}

std::vector<Value> rotate_hoisted(const Context& context, const Value& value,
                                  const std::vector<const SwitchKey*>& keys, Digits digits) {
  if (value.extended) throw std::invalid_argument("only values in the plain basis are rotated");
  const Decomposition decomposition =
      decompose(context, value.rows[1], value.level, digits, nullptr);
  return switch_and_divide(context, decomposition, keys, value);
}

void encode_words(const Context& context, size_t prime, const double* coefficients,
                  uint64_t* words) {
  const Modulus& m = context.moduli[prime];
  const size_t n = context.n;
  uint64_t* residues = thread_scratch(2, n);
  for (size_t i = 0; i < n; ++i) {
    const double magnitude = std::fabs(coefficients[i]);
    uint64_t residue;
    if (magnitude < m.q_double) {
      residue = static_cast<uint64_t>(magnitude);
    } else if (magnitude < 0x1p62) {
      residue = static_cast<uint64_t>(magnitude) % m.q;
    } else {  // mantissa times a power of two
      int exponent;
      const double mantissa = std::frexp(magnitude, &exponent);
      residue = multiply_mod(static_cast<uint64_t>(std::ldexp(mantissa, 53)) % m.q,
                             power_mod(2, static_cast<uint64_t>(exponent - 53), m.q), m.q);
    }
    residues[i] = coefficients[i] < 0 && residue != 0 ? m.q - residue : residue;
  }
  context.k.import_row(residues, residues, n);
  context.k.forward(words, 1, residues, Lift{}, thread_scratch(0, work_words(n)),
                    context.tables[prime], m);
}

Plain encode_plain(const Context& context, const double* coefficients, size_t level) {
  Plain plain{Rows2D(level + 1, context.n)};
  for (size_t j = 0; j <= level; ++j) {
    uint64_t* row = plain.rows.row(j);
    encode_words(context, j, coefficients, row);
    context.k.export_row(row, row, context.n, context.moduli[j]);
    context.k.import_row(row, row, context.n);
  }
  return plain;
}

PlainOperand encode_operand(const Context& context, const double* coefficients, size_t level) {
  PlainOperand plain;
  for (size_t j = 0; j <= level; ++j) {
    uint64_t* row = thread_scratch(3, context.n);
    encode_words(context, j, coefficients, row);
    plain.rows.emplace_back(context.operand_bytes(j, context.n) + 64, true);
    const OperandLayout layout{plain.rows.back().bytes(), context.operand_bytes(j, kChunk),
                               context.operand_bytes(j, kGroup), context.operand_bits(j)};
    context.k.store_words(layout, row, context.moduli[j].to_operand, context.n,
                          context.moduli[j]);
  }
  return plain;
}

Value add_plain(const Context& context, const Value& value, const Plain& plain) {
  if (plain.rows.rows() <= value.level) throw std::invalid_argument("a plaintext has too few rows");
  Value out = value;  // component 1 is shared
  auto owner = std::make_shared<std::pair<std::shared_ptr<const Rows2D>, Rows2D>>(
      value.owner, Rows2D(value.level + 1, context.n));
  for (size_t j = 0; j <= value.level; ++j) {
    uint64_t* row = owner->second.row(j);
    if (value.extended) {
      context.k.scale(row, plain.rows.row(j), context.special_constant[j], value.rows[0][j],
                      context.n, context.moduli[j]);
    } else {
      context.k.add(row, value.rows[0][j], plain.rows.row(j), context.n, context.moduli[j]);
    }
    out.rows[0][j] = row;
  }
  out.owner = std::shared_ptr<const Rows2D>(owner, &owner->second);
  return out;
}

Value multiply_plain(const Context& context, const Value& value, const PlainOperand& plain) {
  if (value.extended || plain.rows.size() <= value.level) {
    throw std::invalid_argument("a plaintext has too few rows");
  }
  Value out = make_value(context, value.level, false);
  for (size_t c = 0; c < 2; ++c) {
    for (size_t j = 0; j <= value.level; ++j) {
      context.k.multiply_operand(out.rows[c][j], value.rows[c][j], plain.rows[j].bytes(),
                                 context.operand_bits(j), context.n, context.moduli[j]);
    }
  }
  return out;
}

Value import_value(const Context& context, const uint64_t* residues, size_t level) {
  Value value = make_value(context, level, false);
  for (size_t c = 0; c < 2; ++c) {
    for (size_t j = 0; j <= level; ++j) {
      const uint64_t* row = residues + (c * (level + 1) + j) * context.n;
      uint64_t above = 0;
      for (size_t i = 0; i < context.n; ++i) {
        above |= static_cast<uint64_t>(row[i] >= context.moduli[j].q);
      }
      if (above != 0) throw std::invalid_argument("a residue is not below its prime");
      context.k.import_row(value.rows[c][j], row, context.n);
    }
  }
  return value;
}

void export_value(const Context& context, const Value& value, uint64_t* residues) {
  if (value.extended) throw std::invalid_argument("an extended value cannot leave");
  for (size_t c = 0; c < 2; ++c) {
    for (size_t j = 0; j <= value.level; ++j) {
      context.k.export_row(residues + (c * (value.level + 1) + j) * context.n, value.rows[c][j],
                           context.n, context.moduli[j]);
    }
  }
}

}  // namespace safelight
