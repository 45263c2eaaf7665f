// A result or an exception, of any type. Not for users.
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace evergreen::detail {

// Not synchronised: whoever sets it does so before the others can see it.
template <class T>
class Outcome {
  struct Nothing {};
  using Held =
      std::conditional_t<std::is_void_v<T>, Nothing,
                         std::conditional_t<std::is_reference_v<T>, std::add_pointer_t<T>, std::remove_cv_t<T>>>;

 public:
  // Calls f(arguments...) and keeps what it returns. Throws what it throws.
  template <class F, class... Arguments>
  void set_by(F&& f, Arguments&&... arguments) {
    if constexpr (std::is_void_v<T>) {
      std::invoke(std::forward<F>(f), std::forward<Arguments>(arguments)...);
      value_.emplace();
    } else if constexpr (std::is_reference_v<T>) {
      T result = std::invoke(std::forward<F>(f), std::forward<Arguments>(arguments)...);
      value_ = std::addressof(result);
    } else {
      value_.emplace(std::invoke(std::forward<F>(f), std::forward<Arguments>(arguments)...));
    }
  }

  void set_exception(std::exception_ptr error) noexcept { error_ = std::move(error); }
  [[nodiscard]] const std::exception_ptr& exception() const noexcept { return error_; }
  [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }

  // The value itself, once: or rethrows the exception.
  T take() {
    if (error_ != nullptr) std::rethrow_exception(std::move(error_));
    if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(**value_);
    } else if constexpr (!std::is_void_v<T>) {
      return std::move(*value_);
    }
  }

  // The value: a copy, or where it can only be moved itself, once. Rethrows the exception. Throws std::logic_error
  // where the value has been moved away.
  T get() {
    if (error_ != nullptr) std::rethrow_exception(error_);
    if constexpr (std::is_void_v<T>) {
      return;
    } else {
      if (!value_.has_value()) throw std::logic_error("the result can only be moved, and somebody has got it already");
      if constexpr (std::is_reference_v<T>) {
        return static_cast<T>(**value_);
      } else if constexpr (std::is_copy_constructible_v<T>) {
        return *value_;
      } else {
        T result = std::move(*value_);
        value_.reset();
        return result;
      }
    }
  }

 private:
  std::optional<Held> value_;
  std::exception_ptr error_;
};

}  // namespace evergreen::detail
