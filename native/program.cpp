#include "program.hpp"

#include <chrono>
#include <optional>
#include <stdexcept>

#include "thread_pool.hpp"

namespace safelight {

namespace {

// Of smaller rings a row is a few microseconds' work: threads would cost more than they save.
constexpr size_t kSharedRing = 8192;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

// The registers of one run. Values stay in the extended basis as long as nobody needs them
// divided: a rescaling then divides by P and its prime at once, sums divide once.
class Registers {
 public:
  Registers(const Context& context, const std::vector<Step>& steps, size_t count, size_t output)
      : context_(context), values_(count), uses_(count, 0) {
    for (const Step& step : steps) {
      ++uses_[step.left];
      if (step.right != step.left) ++uses_[step.right];
    }
    ++uses_[output];
  }

  void set(size_t index, Value value) { values_[index] = std::move(value); }

  const Value& any(size_t index) const {
    if (values_[index].empty()) throw std::invalid_argument("a register is read before it is set");
    return values_[index];
  }

  const Value& plain(size_t index) {
    if (any(index).extended) values_[index] = divide_by_special(context_, values_[index]);
    return values_[index];
  }

  // Undivided where this is the last use; otherwise the division is shared by all uses.
  const Value& latest(size_t index) { return uses_[index] == 1 ? any(index) : plain(index); }

  void release(const Step& step) {
    drop(step.left);
    if (step.right != step.left) drop(step.right);
  }

 private:
  void drop(size_t index) {
    if (--uses_[index] == 0) values_[index] = Value{};
  }

  const Context& context_;
  std::vector<Value> values_;
  std::vector<size_t> uses_;
};

Value rotate_and_sum(const Context& context, Value value, const std::vector<uint64_t>& elements,
                     const KeySet& keys, Digits digits) {
  for (const uint64_t element : elements) {
    if (element == 1) {
      value = add(context, value, value);
      continue;
    }
    const SwitchKey& key = keys.rotation(element);
    const Decomposition decomposition =
        value.extended ? decompose_extended(context, value.rows[1], value.level, digits)
                       : decompose(context, value.rows[1], value.level, digits, nullptr);
    Value out = make_value(context, value.level, true);
    switch_into(context, decomposition, key, Addend{value.extended, &value.rows[0], nullptr},
                &value, out);
    value = std::move(out);
  }
  return value;
}

Value run_step(const Context& context, const Step& step, Registers& registers, const KeySet& keys,
               Digits digits) {
  return std::visit(
      Overloaded{
          [&](const LinearStep& s) {
            return s.transform.run(context, registers.plain(step.left), keys, digits);
          },
          [&](const RotateAndSumStep& s) {
            return rotate_and_sum(context, registers.latest(step.left), s.elements, keys, digits);
          },
          [&](const MultiplyStep&) {
            if (!keys.relinearization) throw std::invalid_argument("no relinearisation key");
            const Value& left = registers.plain(step.left);
            return multiply(context, left, registers.plain(step.right), *keys.relinearization,
                            digits);
          },
          [&](const MultiplyPlainStep& s) {
            return multiply_plain(context, registers.plain(step.left), s.plain);
          },
          [&](const AddStep&) {
            return add(context, registers.any(step.left), registers.any(step.right));
          },
          [&](const AddPlainStep& s) {
            return add_plain(context, registers.latest(step.left), s.plain);
          },
          [&](const RescaleStep&) { return rescale(context, registers.latest(step.left)); },
          [&](const DropLevelStep& s) {
            return drop_level(context, registers.latest(step.left), s.level);
          },
      },
      step.operation);
}

}  // namespace

Program::Program(std::shared_ptr<const Context> context, size_t registers, size_t input_level)
    : context_(std::move(context)), registers_(registers), input_level_(input_level) {
  if (registers == 0 || input_level > context_->max_level()) {
    throw std::invalid_argument("a program without registers, or an input above the top level");
  }
}

bool Program::shares_threads() const { return context_->n >= kSharedRing; }

void Program::append(Step step) {
  if (step.dst >= registers_ || step.left >= registers_ || step.right >= registers_) {
    throw std::invalid_argument("a register is out of range");
  }
  steps_.push_back(std::move(step));
}

void Program::set_output(size_t output) {
  if (output >= registers_) throw std::invalid_argument("a register is out of range");
  output_ = output;
}

Value Program::run(const KeySet& keys, const Value& input, Digits digits,
                   const Progress& progress) const {
  if (input.level != input_level_) throw std::invalid_argument("the input is at another level");
  std::optional<Alone> alone;
  if (!shares_threads()) alone.emplace();
  Registers registers(*context_, steps_, registers_, output_);
  registers.set(0, input);
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (progress && !progress(i, steps_.size())) throw Cancelled{};
    const Step& step = steps_[i];
    registers.set(step.dst, run_step(*context_, step, registers, keys, digits));
    registers.release(step);
  }
  return registers.plain(output_);
}

std::vector<double> Program::profile(const KeySet& keys, const Value& input, Digits digits) const {
  std::vector<double> times;
  auto last = std::chrono::steady_clock::now();
  const auto mark = [&](size_t i, size_t) {
    const auto now = std::chrono::steady_clock::now();
    if (i > 0) times.push_back(std::chrono::duration<double, std::micro>(now - last).count());
    last = now;
    return true;
  };
  run(keys, input, digits, mark);
  mark(steps_.size(), steps_.size());
  return times;
}

size_t Program::bytes() const {
  size_t sum = 0;
  for (const Step& step : steps_) {
    if (const auto* linear = std::get_if<LinearStep>(&step.operation)) {
      sum += linear->transform.bytes();
    } else if (const auto* product = std::get_if<MultiplyPlainStep>(&step.operation)) {
      for (const Buffer& row : product->plain.rows) sum += row.size();
    } else if (const auto* addition = std::get_if<AddPlainStep>(&step.operation)) {
      sum += addition->plain.rows.rows() * context_->n * sizeof(uint64_t);
    }
  }
  return sum;
}

}  // namespace safelight
