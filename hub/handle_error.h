// Exceptions that end greenlets.
#pragma once

#include <exception>

#include "evergreen/greenlet.h"

namespace evergreen {

// Calls what Hub::set_error_handler() gave, or else prints the exception. In the greenlet that it ends.
void handle_error(const AnyGreenlet& greenlet, const std::exception_ptr& error) noexcept;

}  // namespace evergreen
