// A whole program with its constants encoded, run in one call.
#pragma once

#include <functional>
#include <variant>

#include "linear_transform.hpp"

namespace safelight {

struct LinearStep {
  LinearTransform transform;
};
struct RotateAndSumStep {
  std::vector<uint64_t> elements;
};
struct MultiplyStep {};
struct MultiplyPlainStep {
  PlainOperand plain;
};
struct AddStep {};
struct AddPlainStep {
  Plain plain;
};
struct RescaleStep {};
struct DropLevelStep {
  size_t level;
};

using Operation = std::variant<LinearStep, RotateAndSumStep, MultiplyStep, MultiplyPlainStep,
                               AddStep, AddPlainStep, RescaleStep, DropLevelStep>;

struct Step {
  size_t dst = 0;
  size_t left = 0;
  size_t right = 0;  // as `left` where there is one operand
  Operation operation;
};

class Program {
 public:
  Program(std::shared_ptr<const Context> context, size_t registers, size_t input_level);
  Program(Program&&) = default;

  void append(Step step);
  void set_output(size_t output);

  // Called between steps with (done, all); false stops the run. May throw.
  using Progress = std::function<bool(size_t, size_t)>;
  // Throws Cancelled where `progress` says so.
  struct Cancelled {};

  Value run(const KeySet& keys, const Value& input, Digits digits, const Progress& progress) const;
  // Microseconds of each step in one run.
  std::vector<double> profile(const KeySet& keys, const Value& input, Digits digits) const;

  size_t bytes() const;
  const std::vector<Step>& steps() const { return steps_; }
  const std::shared_ptr<const Context>& context() const { return context_; }
  bool shares_threads() const;  // whether its loops are worth helpers
  size_t input_level() const { return input_level_; }

 private:
  std::shared_ptr<const Context> context_;
  size_t registers_;
  size_t input_level_;
  size_t output_ = 0;
  std::vector<Step> steps_;
};

}  // namespace safelight
