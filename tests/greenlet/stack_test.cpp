#include "greenlet/stack.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/lambda_greenlet.h"
#include "tests/support/process.h"

using namespace evergreen;
using namespace evergreen::test;

namespace {

constexpr std::size_t page = 4096;

// No test but one may use a size: pools are for ever, and remember.
StackPool& pool_of(std::size_t pages) {
  require_glibc();
  StackPool* pool = StackPool::of_size(pages * page);
  REQUIRE(pool != nullptr);
  return *pool;
}

std::vector<Stack*> take_many(StackPool& pool, std::size_t count) {
  std::vector<Stack*> stacks;
  for (std::size_t i = 0; i < count; ++i) {
    stacks.push_back(pool.take());
    if (stacks.back() == nullptr) throw std::bad_alloc();
  }
  return stacks;
}

void give_all(const std::vector<Stack*>& stacks) {
  for (Stack* stack : stacks) StackPool::give(*stack);
}

bool is_resident(std::byte* at) {
  unsigned char resident = 0;
  auto* start = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(at) / page * page);
  return mincore(start, page, &resident) == 0 && (resident & 1) != 0;
}

bool kernel_has_guards() {
  void* memory = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const bool has = madvise(memory, page, 102) == 0;  // MADV_GUARD_INSTALL
  munmap(memory, page);
  return has;
}

std::uintptr_t number(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

}  // namespace

TEST_CASE("all of a stack can be written, from the lowest byte to the highest", "[stack]") {
  StackPool& pool = pool_of(40);
  const auto stacks = take_many(pool, 20);
  for (Stack* stack : stacks) std::memset(stack->low(), 0xab, static_cast<std::size_t>(stack->high() - stack->low()));
  for (Stack* stack : stacks) CHECK(StackPool::containing(stack->low()) == stack);
  give_all(stacks);
}

TEST_CASE("a byte below a stack is a fault", "[stack]") {
  StackPool& pool = pool_of(41);
  Stack* lower = pool.take();
  Stack* stack = pool.take();
  for (const std::size_t distance : {std::size_t{1}, page}) {
    const ChildEnd end = in_child([&] {
      *static_cast<volatile std::byte*>(stack->low() - distance) = std::byte{1};
      return 0;
    });
    CHECK_FALSE(end.exited);
    CHECK(end.code == SIGSEGV);
  }
  StackPool::give(*lower);
  StackPool::give(*stack);
}

TEST_CASE("the stack given back last is taken first", "[stack]") {
  StackPool& pool = pool_of(42);
  Stack* a = pool.take();
  Stack* b = pool.take();
  StackPool::give(*a);
  StackPool::give(*b);
  CHECK(pool.take() == b);
  CHECK(pool.take() == a);
  StackPool::give(*a);
  StackPool::give(*b);
}

TEST_CASE("containing() knows a stack by any address in it", "[stack]") {
  StackPool& pool = pool_of(43);
  const auto stacks = take_many(pool, 3);
  Stack& stack = *stacks[1];
  const std::uintptr_t block = stack.take_tls_block();
  CHECK(StackPool::containing(stack.low()) == &stack);
  CHECK(StackPool::containing(stack.high() - 1) == &stack);
  CHECK(StackPool::containing(&stack) == &stack);
  CHECK(StackPool::containing(reinterpret_cast<void*>(block)) == &stack);
  SECTION("its guard is its own") {
    CHECK(StackPool::containing(stack.low() - 1) == &stack);
    CHECK(StackPool::containing(stack.low() - page) == &stack);
    CHECK(StackPool::containing(stack.low() - page - 1) != &stack);
  }
  give_all(stacks);
}

TEST_CASE("containing() knows no stack by an address elsewhere", "[stack]") {
  StackPool& pool = pool_of(44);
  Stack* stack = pool.take();
  int local = 0;
  const auto heap = std::make_unique<int>();
  CHECK(StackPool::containing(&local) == nullptr);
  CHECK(StackPool::containing(heap.get()) == nullptr);
  CHECK(StackPool::containing(nullptr) == nullptr);
  CHECK(StackPool::containing(reinterpret_cast<void*>(~std::uintptr_t{0})) == nullptr);
  // The next one in the slab, which nobody has taken yet.
  CHECK(StackPool::containing(stack->low() + stack->size()) == nullptr);
  StackPool::give(*stack);
}

TEST_CASE("reserve() aligns, takes from the top, and lasts until the stack is given back", "[stack]") {
  StackPool& pool = pool_of(45);
  Stack* stack = pool.take();
  std::byte* const top = stack->high();
  std::byte* before = top;
  for (const std::size_t alignment : {1, 8, 16, 64, 256, 4096}) {
    auto* memory = static_cast<std::byte*>(stack->reserve(100, alignment));
    CHECK(number(memory) % alignment == 0);
    CHECK(memory + 100 <= before);
    CHECK(stack->high() == memory);
    before = memory;
  }
  StackPool::give(*stack);
  CHECK(pool.take() == stack);
  CHECK(stack->high() == top);
  StackPool::give(*stack);
}

TEST_CASE("a stack has no owner when it is given back", "[stack]") {
  StackPool& pool = pool_of(46);
  Stack* stack = pool.take();
  stack->owner = &pool;
  StackPool::give(*stack);
  CHECK(pool.take()->owner == nullptr);
  StackPool::give(*stack);
}

TEST_CASE("stacks of many sizes have at least the size that was asked for", "[stack]") {
  require_glibc();
  const std::size_t least = StackPool::minimum_size();
  CHECK(least % page == 0);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, least, least + 1, std::size_t{65'537},
                                 std::size_t{1} << 20, std::size_t{8} << 20, std::size_t{64} << 20}) {
    StackPool* pool = StackPool::of_size(size);
    REQUIRE(pool != nullptr);
    CHECK(StackPool::of_size(size) == pool);
    Stack* stack = pool->take();
    REQUIRE(stack != nullptr);
    CHECK(stack->size() >= size);
    CHECK(stack->size() >= least);
    CHECK(stack->size() < std::max(size, least) + page);
    CHECK(static_cast<std::size_t>(stack->high() - stack->low()) >= stack->size() - least);
    CHECK(stack->high() - stack->low() >= static_cast<std::ptrdiff_t>(2 * page));
    StackPool::give(*stack);
  }
}

TEST_CASE("an absurd size gives no stack", "[stack]") {
  require_glibc();
  CHECK(StackPool::of_size(SIZE_MAX) == nullptr);
  StackPool* pool = StackPool::of_size(std::size_t{1} << 50);
  CHECK((pool == nullptr || pool->take() == nullptr));
}

TEST_CASE("two thousand stacks are a handful of mappings, and as many when taken again", "[stack]") {
  if (!kernel_has_guards()) return;  // guards by mprotect split the slab
  StackPool& pool = pool_of(47);
  const std::size_t before = mappings();
  auto stacks = take_many(pool, 2000);
  const std::size_t taken = mappings();
  CHECK(taken <= before + 12);
  give_all(stacks);
  for (int round = 0; round < 5; ++round) {
    stacks = take_many(pool, 2000);
    for (Stack* stack : stacks) *stack->low() = std::byte{1};
    give_all(stacks);
  }
  CHECK(mappings() <= taken + 2);  // the heap's
}

TEST_CASE("idle stacks beyond some hundreds give their pages back", "[stack]") {
  StackPool& pool = pool_of(48);
  const auto stacks = take_many(pool, 1500);
  for (Stack* stack : stacks) {
    *stack->low() = std::byte{1};
    stack->high()[-1] = std::byte{1};
  }
  const auto resident = [&] {
    return std::count_if(stacks.begin(), stacks.end(), [](Stack* stack) { return is_resident(stack->low()); });
  };
  CHECK(resident() == 1500);
  give_all(stacks);
  CHECK(resident() <= 640);
  CHECK(resident() > 0);
  SECTION("and serve again, zeroed") {
    const auto again = take_many(pool, 1500);
    CHECK(std::set(again.begin(), again.end()) == std::set(stacks.begin(), stacks.end()));
    const auto zero = [](Stack* stack) { return *stack->low() == std::byte{0}; };
    CHECK(std::count_if(again.begin(), again.end(), zero) >= 860);
    give_all(again);
  }
}

TEST_CASE("trimming leaves the TLS block alone", "[stack]") {
  StackPool& pool = pool_of(49);
  const auto stacks = take_many(pool, 1000);
  for (Stack* stack : stacks) REQUIRE(stack->take_tls_block() != 0);
  give_all(stacks);
  int right = 0;
  for (Stack* stack : take_many(pool, 1000)) {
    REQUIRE(stack->take_tls_block() != 0);
    run_on(*stack, [&] { right += pthread_self() == stack->tls_block() ? 1 : 0; });
  }
  CHECK(right == 1000);
  give_all(stacks);
}

TEST_CASE("two threads never get one stack", "[stack]") {
  StackPool& pool = pool_of(50);
  std::atomic<int> twice{0};
  const auto work = [&] {
    std::array<Stack*, 8> mine{};
    for (int i = 0; i < 20'000; ++i) {
      Stack*& slot = mine[static_cast<std::size_t>(i * 7 % 8)];
      if (slot != nullptr) {
        if (slot->owner != &mine) ++twice;
        StackPool::give(*slot);
        slot = nullptr;
      } else if ((slot = pool.take()) != nullptr) {
        if (slot->owner != nullptr) ++twice;
        slot->owner = &mine;
      }
    }
    for (Stack* stack : mine) {
      if (stack != nullptr) StackPool::give(*stack);
    }
  };
  std::thread one(work), two(work);
  one.join();
  two.join();
  CHECK(twice == 0);
}
