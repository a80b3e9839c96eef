// How number-theoretic transforms are cut into passes, for the lanes L of one arithmetic path.
//
// The N words are rows of B (`tail_block`). Stages between rows work on whole vectors, several for
// each pass over memory; the stages of a row happen in registers, the last ones between transposed
// vectors, two rows at a time so that the multiplier does not wait. After the first pass the blocks
// are independent and each is finished while it is in the first-level cache.
#pragma once

#include "kernels.hpp"

namespace safelight {

template <class L>
struct NttPlan {
  static constexpr size_t W = size_t{1} << L::log_width;
  static constexpr unsigned tail_log = L::log_width == 0 ? 2 : L::log_width;  // vectors in a block
  static constexpr size_t tail_vectors = size_t{1} << tail_log;
  static constexpr size_t tail_block = W * tail_vectors;
  // Table of the factors inside the vectors of a row.
  static constexpr size_t kTailWords = (tail_vectors - 1) * W;
  // Blocks of the work area are a power of two apart plus this many words, so that they do not
  // all compete for the same few cache sets.
  static constexpr size_t kPad = kWorkPad;
  // Stages of the next pass over a block of `size` words: passes as even as they can be.
  static unsigned next_log(size_t size) {
    unsigned stages = 0;
    while ((tail_block << stages) < size) ++stages;
    const unsigned passes = (stages + L::max_log - 1) / L::max_log;
    return (stages + passes - 1) / passes;
  }
};

}  // namespace safelight
