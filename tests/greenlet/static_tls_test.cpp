#include "greenlet/static_tls.h"

#include <dlfcn.h>

#include <filesystem>
#include <stdexcept>

#include "greenlet/raw_greenlet.h"
#include "tests/support/catch.h"
#include "tests/support/lambda_greenlet.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

class Module {
 public:
  Module() : handle_(dlopen(path().c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) throw std::runtime_error(dlerror());
    update_static_tls();
    value = reinterpret_cast<int* (*)()>(dlsym(handle_, "module_value"));
    zeros = reinterpret_cast<char* (*)()>(dlsym(handle_, "module_zeros"));
  }
  ~Module() {
    dlclose(handle_);
    update_static_tls();
  }
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  int* (*value)();
  char* (*zeros)();

 private:
  static std::string path() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "greenlet" / "static_tls_module.so";
  }
  void* handle_;
};

// A stack with a live block.
class LiveStack : public StackScope {
 public:
  LiveStack() {
    static const bool first = (update_static_tls(), true);
    if (!first || (*this)->take_tls_block() == 0) throw std::bad_alloc();
    add_live_block(**this);
  }
  ~LiveStack() { remove_live_block(**this); }
};

}  // namespace

TEST_CASE("a block that lives gets the initial values of a module that comes", "[static_tls]") {
  LiveStack one, two;
  const Module module;
  for (LiveStack* stack : {&one, &two}) {
    int seen = 0, zero = 1;
    run_on(**stack, [&] {
      seen = *module.value();
      zero = module.zeros()[0] | module.zeros()[39];
    });
    CHECK(seen == 42);
    CHECK(zero == 0);
  }
  CHECK(*module.value() == 42);
}

TEST_CASE("a greenlet that is parked in the middle gets them too", "[static_tls]") {
  LiveStack stack;
  ThreadGreenlet test;
  const Module* module = nullptr;
  int seen = 0;
  LambdaGreenlet greenlet(*stack, stack->tls_block(), [&]() -> RawGreenlet& {
    RawGreenlet::switch_to(greenlet, test);
    seen = *module->value();
    return test;
  });
  RawGreenlet::switch_to(test, greenlet);
  const Module loaded;
  module = &loaded;
  RawGreenlet::switch_to(test, greenlet);
  CHECK(seen == 42);
}

TEST_CASE("a block made after the module has the values anyway", "[static_tls]") {
  require_glibc();
  update_static_tls();
  const Module module;
  LiveStack stack;
  int seen = 0;
  run_on(*stack, [&] { seen = *module.value(); });
  CHECK(seen == 42);
}

TEST_CASE("what a greenlet has written stays written when another module comes", "[static_tls]") {
  LiveStack stack;
  const Module module;
  run_on(*stack, [&] { *module.value() = 7; });
  const Module again;
  update_static_tls();
  int seen = 0;
  run_on(*stack, [&] { seen = *module.value(); });
  CHECK(seen == 7);
}

TEST_CASE("a module that went and comes again starts afresh", "[static_tls]") {
  LiveStack stack;
  for (int round = 0; round < 5; ++round) {
    const Module module;
    int seen = 0, zero = 1;
    run_on(*stack, [&] {
      seen = *module.value();
      zero = module.zeros()[5];
      *module.value() = 7;
      module.zeros()[5] = 1;
    });
    CHECK(seen == 42);
    CHECK(zero == 0);
  }
}
