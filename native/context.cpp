#include "context.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <tuple>

namespace safelight {

namespace {

size_t reverse_bits(size_t x, unsigned bits) {
  size_t r = 0;
  for (unsigned i = 0; i < bits; ++i) r |= ((x >> i) & 1) << (bits - 1 - i);
  return r;
}

}  // namespace

uint64_t minimal_root(uint64_t q, size_t n) {
  // g^((q−1)/2n) is primitive exactly when its n-th power is −1
  uint64_t root = 0;
  for (uint64_t g = 2; root == 0; ++g) {
    const uint64_t candidate = power_mod(g, (q - 1) / (2 * n), q);
    if (power_mod(candidate, n, q) == q - 1) root = candidate;
  }
  const uint64_t square = multiply_mod(root, root, q);
  uint64_t smallest = root;
  for (size_t i = 0; i < n; ++i) {
    if (root < smallest) smallest = root;
    root = multiply_mod(root, square, q);
  }
  return smallest;
}

Context::Context(const Kernels& kernels, size_t degree, const std::vector<uint64_t>& primes)
    : k(kernels), n(degree), log_n(static_cast<uint32_t>(std::countr_zero(degree))) {
  if (!std::has_single_bit(degree) || degree < 1024 || degree > 65536) {
    throw std::invalid_argument("the ring degree is not a power of two from 1024 to 65536");
  }
  if (primes.size() < 2) throw std::invalid_argument("at least two primes are needed");
  largest = 0;
  for (const uint64_t q : primes) {
    if (q >= uint64_t{1} << 50 || q % (2 * n) != 1) {
      throw std::invalid_argument("a prime is not below 2^50 and 1 modulo 2N");
    }
    largest = std::max(largest, q);
  }
  for (const uint64_t q : primes) moduli.push_back(make_modulus(k.path, q, log_n, largest));

  const uint64_t p = primes.back();
  const size_t count = primes.size();
  negated_inverse.assign(count, std::vector<Constant>(count));
  negated_inverse_with_special = negated_inverse;
  for (size_t j = 0; j < count; ++j) {
    const Modulus& m = moduli[j];
    special_constant.push_back(make_constant(k.path, m, p % m.q));
    special_operand.push_back(operand_form(k.path, m, p % m.q));
    special_to_operand.push_back(make_constant(k.path, m, special_operand.back()));
    for (size_t i = 0; i < count; ++i) {
      if (i == j) continue;
      const uint64_t q = primes[i] % m.q;
      negated_inverse[i][j] = make_constant(k.path, m, m.q - inverse_mod(q, m.q));
      if (j + 1 < count) {
        const uint64_t product = multiply_mod(q, p % m.q, m.q);
        negated_inverse_with_special[i][j] =
            make_constant(k.path, m, m.q - inverse_mod(product, m.q));
      }
    }
  }
  tables.resize(count);
  for (size_t j = 0; j < count; ++j) make_tables(j);
}

void Context::make_tables(size_t prime) {
  const Modulus& m = moduli[prime];
  const size_t width = size_t{1} << k.log_width;
  const uint64_t root = minimal_root(m.q, n);
  const uint64_t inverse_root = inverse_mod(root, m.q);

  std::vector<uint64_t> powers(n), inverse_powers(n);  // ψ^i, ψ^-i
  powers[0] = inverse_powers[0] = 1;
  for (size_t i = 1; i < n; ++i) {
    powers[i] = multiply_mod(powers[i - 1], root, m.q);
    inverse_powers[i] = multiply_mod(inverse_powers[i - 1], inverse_root, m.q);
  }

  std::vector<Constant> roots(n);
  for (size_t i = 0; i < n; ++i) {
    roots[i] = make_constant(k.path, m, powers[reverse_bits(i, log_n)]);
  }

  std::vector<uint64_t> tail;
  if (width > 1) {
    tail.reserve(n);
    for (size_t block = 0; block < n / (width * width); ++block) {
      for (unsigned stage = 0; stage < k.log_width; ++stage) {
        for (size_t sub = 0; sub < size_t{1} << stage; ++sub) {
          for (size_t lane = 0; lane < width; ++lane) {
            const size_t r = n / width + block * width + lane;
            tail.push_back(roots[(r << stage) + sub].w);
          }
        }
      }
    }
  }

  // [t + j]: ω_2t^-j = ψ^(−j N/t)
  const size_t row = k.row_words, rows = n / row;
  const auto root_of_unity = [&](size_t t, size_t j) {
    return make_constant(k.path, m, inverse_powers[j * (n / t)]);
  };
  std::vector<uint64_t> inverse_w(row), inverse_w2(row);
  std::vector<Constant> small(width + 1), inverse_rows(rows), row_twist(rows);
  for (size_t t = 1; t < row; t *= 2) {
    for (size_t j = 0; j < t; ++j) {
      const Constant c = root_of_unity(t, j);
      inverse_w[t + j] = c.w;
      inverse_w2[t + j] = c.w2;
      if (t + j < small.size()) small[t + j] = c;
    }
  }
  for (size_t g = 1; g < rows; g *= 2) {
    for (size_t j = 0; j < g; ++j) inverse_rows[g + j] = root_of_unity(g, j);
  }
  const auto inverse_power = [&](size_t exponent) {  // ψ has order 2N
    const size_t e = exponent % (2 * n);
    return e < n ? inverse_powers[e] : m.q - inverse_powers[e - n];
  };
  const uint64_t n_inverse = inverse_mod(n, m.q);
  std::vector<uint64_t> untwist_w(n), untwist_w2(n);
  const auto row_bits = static_cast<unsigned>(std::countr_zero(rows));
  for (size_t r = 0; r < rows; ++r) {
    row_twist[r] = make_constant(k.path, m, multiply_mod(inverse_power(row * r), n_inverse, m.q));
    const size_t e = 2 * reverse_bits(r, row_bits) + 1;
    for (size_t c = 0; c < row; ++c) {
      const Constant factor = make_constant(k.path, m, inverse_power(c * e));
      untwist_w[r * row + c] = factor.w;
      untwist_w2[r * row + c] = factor.w2;
    }
  }

  // copies start at a cache line, so that no vector spans two
  const auto keep = [this]<class T>(const std::vector<T>& values) {
    kept_.emplace_back(std::max<size_t>(values.size(), 1) * sizeof(T));
    std::copy(values.begin(), values.end(), reinterpret_cast<T*>(kept_.back().bytes()));
    return reinterpret_cast<const T*>(kept_.back().bytes());
  };
  NttTables& t = tables[prime];
  t.roots = keep(roots);
  t.inverse_small = keep(small);
  t.tail = keep(tail);
  t.inverse_w = keep(inverse_w);
  t.inverse_w2 = keep(inverse_w2);
  t.untwist_w = keep(untwist_w);
  t.untwist_w2 = keep(untwist_w2);
  t.inverse_rows = keep(inverse_rows);
  t.row_twist = keep(row_twist);
}

std::shared_ptr<const Context> Context::get(const Kernels& kernels, size_t n,
                                            const std::vector<uint64_t>& primes) {
  using Key = std::tuple<Path, size_t, std::vector<uint64_t>>;
  static std::mutex mutex;
  static std::map<Key, std::weak_ptr<const Context>> known;
  const std::lock_guard lock(mutex);
  auto& entry = known[Key{kernels.path, n, primes}];
  auto found = entry.lock();
  if (!found) {
    found = std::make_shared<const Context>(kernels, n, primes);
    entry = found;
  }
  return found;
}

Lift Context::lift(size_t from, size_t to, Lift::Mode mode, const Galois* galois) const {
  const uint64_t q = moduli[from].q;
  const uint64_t target = moduli[to].q;
  Lift lift{};
  lift.mode = mode;
  lift.threshold = lane_word(k.path, static_cast<int64_t>(q / 2));
  lift.addend = k.path == Path::avx2
                    ? lane_word(k.path, -static_cast<int64_t>(q))
                    : lane_word(k.path, static_cast<int64_t>((target - q % target) % target));
  lift.flips = galois == nullptr ? nullptr : galois->flips.data();
  return lift;
}

uint32_t Context::lazy_steps(size_t prime, size_t terms) const {
  return reduction_steps(k.path, moduli[prime], terms,
                         transform_bound(k.path, moduli[prime], largest));
}

uint32_t Context::reduced_steps(size_t prime, size_t terms, uint32_t unreduced) const {
  const double bound = moduli[prime].q_double * static_cast<double>(uint64_t{1} << unreduced);
  return reduction_steps(k.path, moduli[prime], terms, bound);
}

const Galois& Context::galois(uint64_t element) const {
  if (element % 2 == 0 || element >= 2 * n) {
    throw std::invalid_argument("a Galois element is odd and below 2N");
  }
  const std::lock_guard lock(mutex_);
  auto& entry = galois_[element];
  if (entry) return *entry;
  auto made = std::make_unique<Galois>();
  const size_t width = size_t{1} << k.log_width;
  made->blocks.resize(n / width);
  made->lanes.resize(width * width);
  made->inverse_index.resize(width * width);
  for (size_t v = 0; v < n / width; ++v) {
    size_t first = 0;
    for (size_t lane = 0; lane < width; ++lane) {
      // position j holds the value at ψ^e with e = 2 brv(j) + 1
      const size_t e = 2 * reverse_bits(v * width + lane, log_n) + 1;
      const size_t moved = (e * element) % (2 * n);
      const size_t source = reverse_bits((moved - 1) / 2, log_n);
      if (lane == 0) first = source;
      if (source / width != first / width) throw std::logic_error("automorphism splits a vector");
      const size_t pattern = first % width, index = source % width;
      // avx2 permutes 32-bit halves
      made->lanes[pattern * width + lane] =
          k.path == Path::avx2 ? (2 * index) | ((2 * index + 1) << 32) : index;
      made->inverse_index[pattern * width + index] = static_cast<uint8_t>(lane);
    }
    made->blocks[v] = static_cast<uint32_t>(first);
  }
  made->flips.assign(n / 8, 0);
  for (size_t i = 0; i < n; ++i) {
    if ((i * element) % (2 * n) >= n) made->flips[i / 8] |= static_cast<uint8_t>(1U << (i % 8));
  }
  made->map = {made->blocks.data(), made->lanes.data(), made->inverse_index.data()};
  entry = std::move(made);
  return *entry;
}

}  // namespace safelight
