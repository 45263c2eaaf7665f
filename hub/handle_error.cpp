#include "hub/handle_error.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <typeinfo>
#include <utility>

#include "evergreen/detail/wait_list.h"
#include "evergreen/hub.h"
#include "evergreen/timeout.h"
#include "greenlet/fatal.h"

namespace evergreen {
namespace {

constinit detail::WaitList lock;  // nobody waits in it
std::shared_ptr<const ErrorHandler> handler;

std::shared_ptr<const ErrorHandler> the_handler() {
  const detail::WaitList::Guard guard(lock);
  return handler;
}

std::string readable(const std::type_info* type) {
  if (type == nullptr) return "unknown";
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), std::free);
  return text != nullptr ? text.get() : type->name();
}

}  // namespace

void print_exception(const AnyGreenlet& greenlet, const std::exception_ptr& error) {
  const std::string name = greenlet.name();
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    report("%s ended by %s: %s", name.c_str(), readable(&typeid(exception)).c_str(), exception.what());
  } catch (const Timeout& timeout) {
    report("%s ended by Timeout: %s", name.c_str(), timeout.what());
  } catch (...) {
    report("%s ended by an exception of type %s", name.c_str(), readable(abi::__cxa_current_exception_type()).c_str());
  }
}

void handle_error(const AnyGreenlet& greenlet, const std::exception_ptr& error) noexcept {
  try {
    if (const auto mine = the_handler()) return (*mine)(greenlet, error);
    print_exception(greenlet, error);
  } catch (...) {
    report("the handler of errors has thrown an exception itself");
  }
}

ErrorHandler Hub::set_error_handler(ErrorHandler with) {
  auto changed = with ? std::make_shared<const ErrorHandler>(std::move(with)) : nullptr;
  {
    const detail::WaitList::Guard guard(lock);
    handler.swap(changed);
  }
  return changed != nullptr ? *changed : ErrorHandler();
}

}  // namespace evergreen
