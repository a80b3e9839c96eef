// Key switching: decomposition into digits, products with keys, division by the special prime.
#include <stdexcept>

#include "evaluator.hpp"
#include "thread_pool.hpp"

namespace safelight {

namespace {

Lift raw_lift() { return Lift{}; }

uint64_t* work_area(const Context& context) { return thread_scratch(0, work_words(context.n)); }

// Parts of a row that threads share.
size_t row_parts() { return threads() == 1 ? 1 : 4; }

}  // namespace

SwitchKey load_switch_key(const Context& context, size_t level, uint64_t element,
                          const uint64_t* residues) {
  const size_t n = context.n, digits = level + 1, rows = level + 2;
  for (size_t i = 0; i < digits * 2 * rows; ++i) {
    const uint64_t q = context.moduli[context.prime_of_row(i % rows, level)].q;
    const uint64_t* row = residues + i * n;
    uint64_t above = 0;
    for (size_t x = 0; x < n; ++x) above |= static_cast<uint64_t>(row[x] >= q);
    if (above != 0) throw std::invalid_argument("a residue of a key is not below its prime");
  }
  SwitchKey key;
  key.level = level;
  key.element = element;
  size_t room = 0;
  for (size_t j = 0; j < rows; ++j) {
    room += Slab::room(context.operand_bytes(context.prime_of_row(j, level), digits * 2 * n));
  }
  key.slab = Slab(room);
  const GaloisMap* map = element == 1 ? nullptr : &context.galois(element).map;
  for (size_t j = 0; j < rows; ++j) {
    const size_t prime = context.prime_of_row(j, level);
    const uint32_t bits = context.operand_bits(prime);
    uint8_t* row = key.slab.allocate(context.operand_bytes(prime, digits * 2 * n));
    key.rows.push_back(row);
    const size_t part_bytes = context.operand_bytes(prime, kGroup);
    const size_t group_stride = digits * 2 * part_bytes;
    for (size_t part = 0; part < digits * 2; ++part) {
      const OperandLayout layout{row + part * part_bytes, kChunk / kGroup * group_stride,
                                 group_stride, bits};
      context.k.store_operands(layout, residues + (part * rows + j) * n, map, n,
                               context.moduli[prime]);
    }
  }
  return key;
}

Decomposition decompose(const Context& context, const std::vector<uint64_t*>& c1, size_t level,
                        Digits digits, const Galois* rotation) {
  const size_t n = context.n;
  Decomposition out;
  out.level = level;
  out.coefficients = Rows2D(level + 1, n);
  parallel_for(level + 1, [&](size_t i) {
    context.k.inverse(out.coefficients.row(i), c1[i], work_area(context), context.tables[i],
                      context.moduli[i]);
  });
  out.mode = digits == Digits::centred ? Lift::centred
             : rotation != nullptr     ? Lift::signs
                                       : Lift::raw;
  out.rotation = rotation;
  out.transformed = c1;
  return out;
}

Decomposition decompose_extended(const Context& context, const std::vector<uint64_t*>& c1,
                                 size_t level, Digits digits) {
  const size_t n = context.n, special = context.special();
  Decomposition out;
  out.level = level;
  out.coefficients = Rows2D(level + 2, n);
  out.mode = digits == Digits::centred ? Lift::centred : Lift::raw;
  const uint64_t* rest = out.coefficients.row(level + 1);
  parallel_for(level + 2, [&](size_t j) {
    const size_t prime = context.prime_of_row(j, level);
    context.k.inverse(out.coefficients.row(j), c1[j], work_area(context), context.tables[prime],
                      context.moduli[prime]);
  });
  parallel_for(level + 1, [&](size_t j) {
    uint64_t* row = out.coefficients.row(j);
    context.k.subtract_scale(row, row, rest, context.lift(special, j, Lift::centred),
                             context.negated_inverse[special][j], n, context.moduli[j]);
  });
  return out;
}

uint64_t* digit_row(const Context& context, size_t level) {
  return thread_scratch(4, (level + 1) * context.n);
}

void transform_digits(const Context& context, const Decomposition& decomposition, size_t row,
                      uint64_t* digits) {
  const size_t count = decomposition.level + 1;
  const size_t prime = context.prime_of_row(row, decomposition.level);
  parallel_for(count, [&](size_t i) {
    uint64_t* dst = digits + (i << context.k.log_width);
    if (i == row && !decomposition.transformed.empty()) {
      context.k.copy_strided(dst, count, decomposition.transformed[i], context.n);
      return;
    }
    const Lift lift =
        i == row ? raw_lift() : context.lift(i, prime, decomposition.mode, decomposition.rotation);
    context.k.forward(dst, count, decomposition.coefficients.row(i), lift, work_area(context),
                      context.tables[prime], context.moduli[prime]);
  });
}

KeyProduct key_product(const Context& context, const Decomposition& decomposition,
                       const uint64_t* digits, const SwitchKey& key, size_t row) {
  const size_t level = decomposition.level;
  if (key.level < level) throw std::invalid_argument("a key is trimmed below the level");
  const size_t prime = context.prime_of_row(row, level);
  const size_t key_row = row <= level ? row : key.level + 1;
  KeyProduct product{};
  product.digits = digits;
  product.digit_count = static_cast<uint32_t>(level + 1);
  product.digit_stride = product.digit_count;
  product.key = key.rows[key_row];
  product.operand_bits = context.operand_bits(prime);
  product.key_group_bytes = context.operand_bytes(prime, (key.level + 1) * 2 * kGroup);
  product.steps = context.lazy_steps(prime, level + 2);  // the digits and an addend
  product.map = key.element == 1 ? nullptr : &context.galois(key.element).map;
  return product;
}

void switch_into(const Context& context, const Decomposition& decomposition, const SwitchKey& key,
                 const Addend& addend, const Value* base, Value& out) {
  const size_t n = context.n, level = decomposition.level, chunks = n / kChunk;
  const size_t parts = row_parts();
  parallel_rows(level + 2, [&](size_t j) {
    const Modulus& m = context.moduli[context.prime_of_row(j, level)];
    uint64_t* digits = digit_row(context, level);
    transform_digits(context, decomposition, j, digits);
    KeyProduct product = key_product(context, decomposition, digits, key, j);
    if (addend.extended || j <= level) {
      product.addend = (*addend.rows0)[j];
      product.addend1 = addend.rows1 == nullptr ? nullptr : (*addend.rows1)[j];
      product.addend_operand = addend.extended ? 0 : context.special_operand[j];
    }
    if (base != nullptr && base->extended) {
      product.base0 = base->rows[0][j];
      product.base1 = base->rows[1][j];
    } else if (base != nullptr && j <= level) {  // modulo P its multiple is 0
      for (size_t c = 0; c < 2; ++c) {
        context.k.scale(out.rows[c][j], base->rows[c][j], context.special_constant[j], nullptr, n,
                        m);
      }
      product.base0 = out.rows[0][j];
      product.base1 = out.rows[1][j];
    }
    parallel_for(parts, [&](size_t part) {
      context.k.key_product(product, out.rows[0][j], out.rows[1][j], chunks * part / parts,
                            chunks * (part + 1) / parts, m);
    });
  });
}

std::vector<Value> switch_and_divide(const Context& context, const Decomposition& decomposition,
                                     const std::vector<const SwitchKey*>& keys,
                                     const Value& addend) {
  const size_t n = context.n, level = decomposition.level, special = context.special();
  const Rows2D rest(2 * keys.size(), n);
  uint64_t* special_digits = digit_row(context, level);
  transform_digits(context, decomposition, level + 1, special_digits);
  parallel_for(keys.size(), [&](size_t r) {
    uint64_t* sums[2] = {thread_scratch(1, n), thread_scratch(2, n)};
    const KeyProduct product =
        key_product(context, decomposition, special_digits, *keys[r], level + 1);
    context.k.key_product(product, sums[0], sums[1], 0, n / kChunk, context.moduli[special]);
    for (size_t c = 0; c < 2; ++c) {
      context.k.inverse(rest.row(2 * r + c), sums[c], work_area(context), context.tables[special],
                        context.moduli[special]);
    }
  });
  std::vector<Value> out;
  for (size_t r = 0; r < keys.size(); ++r) out.push_back(make_value(context, level, false));
  parallel_rows(level + 1, [&](size_t j) {
    uint64_t* digits = digit_row(context, level);
    transform_digits(context, decomposition, j, digits);
    parallel_for(keys.size(), [&](size_t r) {
      const Modulus& m = context.moduli[j];
      uint64_t* sums[2] = {thread_scratch(1, n), thread_scratch(2, n)};
      KeyProduct product = key_product(context, decomposition, digits, *keys[r], j);
      product.addend = addend.rows[0][j];
      product.addend_operand = context.special_operand[j];
      context.k.key_product(product, sums[0], sums[1], 0, n / kChunk, m);
      for (size_t c = 0; c < 2; ++c) {
        context.k.forward_subtract(out[r].rows[c][j], sums[c], context.negated_inverse[special][j],
                                   rest.row(2 * r + c), context.lift(special, j, Lift::centred),
                                   work_area(context), context.tables[j], m);
      }
    });
  });
  return out;
}

// round(x / P) = (x − [x]_P) / P with [x]_P centred.
Value divide_by_special(const Context& context, const Value& extended) {
  const size_t n = context.n, level = extended.level, special = context.special();
  const Rows2D rest(2, n);
  parallel_for(2, [&](size_t c) {
    context.k.inverse(rest.row(c), extended.rows[c][level + 1], work_area(context),
                      context.tables[special], context.moduli[special]);
  });
  Value out = make_value(context, level, false);
  parallel_for(2 * (level + 1), [&](size_t task) {
    const size_t c = task / (level + 1), j = task % (level + 1);
    context.k.forward_subtract(out.rows[c][j], extended.rows[c][j],
                               context.negated_inverse[special][j], rest.row(c),
                               context.lift(special, j, Lift::centred), work_area(context),
                               context.tables[j], context.moduli[j]);
  });
  return out;
}

// Of an extended value: the two divisions in turn, exactly, but with one transform for each row.
// With t = [x]_P and u = [(x − t)/P]_q_l: ((x − t)/P − u)/q_l = (x − (t + P u)) / (P q_l).
Value rescale(const Context& context, const Value& value) {
  const size_t n = context.n, level = value.level, special = context.special();
  if (level == 0) throw std::invalid_argument("there is no level left to rescale");
  const Rows2D rest(4, n);  // t, u of each component
  parallel_for(2, [&](size_t c) {
    uint64_t* u = rest.row(2 + c);
    context.k.inverse(u, value.rows[c][level], work_area(context), context.tables[level],
                      context.moduli[level]);
    if (!value.extended) return;
    uint64_t* t = rest.row(c);
    context.k.inverse(t, value.rows[c][level + 1], work_area(context), context.tables[special],
                      context.moduli[special]);
    context.k.subtract_scale(u, u, t, context.lift(special, level, Lift::centred),
                             context.negated_inverse[special][level], n, context.moduli[level]);
  });
  Value out = make_value(context, level - 1, false);
  parallel_for(2 * level, [&](size_t task) {
    const size_t c = task / level, j = task % level;
    const Modulus& m = context.moduli[j];
    const uint64_t* u = rest.row(2 + c);
    Lift lift = context.lift(level, j, Lift::centred);
    if (value.extended) {
      uint64_t* combined = thread_scratch(1, n);
      context.k.combine(combined, rest.row(c), context.lift(special, j, Lift::centred), u, lift,
                        context.special_constant[j], n, m);
      u = combined;
      lift = raw_lift();
    }
    const Constant& inverse = value.extended ? context.negated_inverse_with_special[level][j]
                                             : context.negated_inverse[level][j];
    context.k.forward_subtract(out.rows[c][j], value.rows[c][j], inverse, u, lift,
                               work_area(context), context.tables[j], m);
  });
  return out;
}

}  // namespace safelight
