#include "context.hpp"

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
    tail.reserve(2 * n);
    for (size_t block = 0; block < n / (width * width); ++block) {
      for (unsigned stage = 0; stage < k.log_width; ++stage) {
        for (size_t sub = 0; sub < size_t{1} << stage; ++sub) {
          for (int half = 0; half < 2; ++half) {
            for (size_t lane = 0; lane < width; ++lane) {
              const size_t r = n / width + block * width + lane;
              const Constant& c = roots[(r << stage) + sub];
              tail.push_back(half == 0 ? c.w : c.w2);
            }
          }
        }
      }
    }
  }

  // [t + j]: ω_2t^-j = ψ^(−j N/t)
  std::vector<uint64_t> inverse_w(n), inverse_w2(n), twist_w(n), twist_w2(n);
  std::vector<Constant> small(width + 1);
  for (size_t t = 1; t < n; t *= 2) {
    for (size_t j = 0; j < t; ++j) {
      const Constant c = make_constant(k.path, m, inverse_powers[j * (n / t)]);
      inverse_w[t + j] = c.w;
      inverse_w2[t + j] = c.w2;
      if (t + j < small.size()) small[t + j] = c;
    }
  }
  const uint64_t n_inverse = inverse_mod(n, m.q);
  for (size_t i = 0; i < n; ++i) {
    const Constant c = make_constant(k.path, m, multiply_mod(inverse_powers[i], n_inverse, m.q));
    twist_w[i] = c.w;
    twist_w2[i] = c.w2;
  }

  NttTables& t = tables[prime];
  constants_.push_back(std::move(roots));
  t.roots = constants_.back().data();
  constants_.push_back(std::move(small));
  t.inverse_small = constants_.back().data();
  const auto keep = [this](std::vector<uint64_t>&& words) {
    words_.push_back(std::move(words));
    return static_cast<const uint64_t*>(words_.back().data());
  };
  t.tail = keep(std::move(tail));
  t.inverse_w = keep(std::move(inverse_w));
  t.inverse_w2 = keep(std::move(inverse_w2));
  t.twist_w = keep(std::move(twist_w));
  t.twist_w2 = keep(std::move(twist_w2));
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

uint32_t Context::reduced_steps(size_t prime, size_t terms) const {
  return reduction_steps(k.path, moduli[prime], terms, moduli[prime].q_double);
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
