// For machines where only a compiler is at hand: runs every step of a program on fixed residues and
// prints a digest of the result, the same line on every machine (tests/unit/native/test_machines.py
// has it and the command that builds this). Portable path only.
#include <cstdio>
#include <memory>
#include <vector>

#include "program.hpp"
#include "thread_pool.hpp"

using namespace safelight;

namespace {

constexpr size_t kN = 4096;
const std::vector<uint64_t> kPrimes = {68719403009, 8589852673, 137438822401};
constexpr size_t kLevel = 1;

// splitmix64: any fixed sequence does, nothing here is secret
uint64_t state = 1;
uint64_t next() {
  uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::vector<uint64_t> residues(size_t polynomials, const std::vector<uint64_t>& primes) {
  std::vector<uint64_t> out;
  for (size_t p = 0; p < polynomials; ++p) {
    for (const uint64_t q : primes) {
      for (size_t i = 0; i < kN; ++i) out.push_back(next() % q);
    }
  }
  return out;
}

std::vector<double> coefficients() {
  std::vector<double> out;
  for (size_t i = 0; i < kN; ++i) out.push_back(static_cast<double>(next() % 4001) - 2000.0);
  return out;
}

std::shared_ptr<const SwitchKey> key(const Context& context, uint64_t element) {
  const std::vector<uint64_t> numbers = residues(2 * (kLevel + 1), kPrimes);
  return std::make_shared<const SwitchKey>(
      load_switch_key(context, kLevel, element, numbers.data()));
}

LinearTransform transform(const Context& context, LinearTransform::Form form) {
  const std::vector<uint64_t> babies = {1, 3, 9};
  const std::vector<LinearTransform::Giant> giants = {
      {27, true, false, {0, 1}}, {27, false, true, {0, 1, 2}}, {1, true, true, {0, 2}}};
  LinearTransform made(context, kLevel, babies, giants, form);
  for (size_t g = 0; g < giants.size(); ++g) {
    for (size_t t = 0; t < giants[g].babies.size(); ++t) {
      made.set_diagonal(context, g, t, coefficients().data());
    }
  }
  return made;
}

}  // namespace

int main() {
  const auto context = Context::get(kernels_named("portable"), kN, kPrimes);
  set_threads(2);
  KeySet keys;
  keys.relinearization = key(*context, 1);
  for (const uint64_t element : {3, 9, 27}) keys.galois[element] = key(*context, element);

  Program program(context, 9, kLevel);
  program.append({1, 0, 0, LinearStep{transform(*context, LinearTransform::Form::hoisted)}});
  program.append({2, 0, 0, LinearStep{transform(*context, LinearTransform::Form::divided)}});
  program.append({3, 1, 2, AddStep{}});
  program.append({4, 3, 3, MultiplyStep{}});
  program.append({5, 4, 4, RotateAndSumStep{{3, 9}}});
  program.append({6, 5, 5, AddPlainStep{encode_plain(*context, coefficients().data(), kLevel)}});
  program.append({7, 6, 6, RescaleStep{}});
  program.append({8, 7, 7, MultiplyPlainStep{encode_operand(*context, coefficients().data(), 0)}});
  program.set_output(8);

  const std::vector<uint64_t> data = residues(2, {kPrimes[0], kPrimes[1]});
  const Value input = import_value(*context, data.data(), kLevel);
  const Value output = program.run(keys, input, Digits::centred, nullptr);
  std::vector<uint64_t> answer(2 * kN);
  export_value(*context, output, answer.data());
  uint64_t digest = 14695981039346656037ULL;  // FNV-1a over the words
  for (const uint64_t word : answer) digest = (digest ^ word) * 1099511628211ULL;
  std::printf("%016llx\n", static_cast<unsigned long long>(digest));
  return 0;
}
