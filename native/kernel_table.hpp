// Makes the kernel table of the lanes L.
#pragma once

#include "kernels.hpp"
#include "ntt_forward.hpp"
#include "ntt_inverse.hpp"
#include "product_template.hpp"
#include "row_template.hpp"

namespace safelight {

template <class L>
constexpr Kernels make_kernels(Path path, const char* name) {
  return Kernels{
      .path = path,
      .name = name,
      .log_width = L::log_width,
      .wide_operand_bits = L::wide_operand_bits,
      .row_words = NttPlan<L>::tail_block,
      .import_row = Rows<L>::import_row,
      .export_row = Rows<L>::export_row,
      .forward = ForwardNtt<L>::forward,
      .forward_subtract = ForwardNtt<L>::forward_subtract,
      .inverse = InverseNtt<L>::inverse,
      .copy_strided = Rows<L>::copy_strided,
      .add = Rows<L>::add,
      .subtract_scale = Rows<L>::subtract_scale,
      .combine = Rows<L>::combine,
      .permute = Rows<L>::permute,
      .tensor = Rows<L>::tensor,
      .scale = Rows<L>::scale,
      .multiply_operand = Rows<L>::multiply_operand,
      .store_operands = Rows<L>::store_operands,
      .store_words = Rows<L>::store_words,
      .load_signed = Rows<L>::load_signed,
      .key_product = Products<L>::key_product,
      .linear_row = Products<L>::linear_row,
  };
}

}  // namespace safelight
