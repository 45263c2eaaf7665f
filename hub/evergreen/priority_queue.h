#pragma once

#include <cstddef>
#include <functional>
#include <utility>

#include "evergreen/queue.h"

namespace evergreen {

// A Queue that gives the item that comes first by `Compare`: with std::less, the default, the lowest. Of equal ones the
// one that was put first.
//
//     PriorityQueue<std::pair<int, std::string>> tasks;
//     tasks.put({2, "sweep"});
//     tasks.put({1, "feed the cat"});
//     auto [priority, task] = tasks.get();       // 1, "feed the cat"
//
// An item that somebody waits for already is his, whatever its priority. put() compares nothing; get() and peek() do,
// O(log n) times on the average. Comparisons may wait and throw: then the item is still in the queue.
//
// Follows gevent.queue.PriorityQueue.
template <class T, class Compare = std::less<>>
class PriorityQueue : public Queue<T> {
  using Node = typename Queue<T>::Node;

 public:
  // With room for `maxsize` items. The first to come out is the least by `compare`.
  explicit PriorityQueue(std::size_t maxsize = Queue<T>::unbounded, Compare compare = {})
      : Queue<T>(maxsize, detail::QueueCore::Order::sorted), compare_(std::move(compare)) {}

  // The same with `items` in it already, however many.
  template <detail::ItemsFor<T> Items>
  // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): no queue is taken for items
  explicit PriorityQueue(Items&& items, std::size_t maxsize = Queue<T>::unbounded, Compare compare = {})
      : PriorityQueue(maxsize, std::move(compare)) {
    this->fill(items);
  }

 private:
  // A pairing heap whose roots are put together only when the first one is wanted. A comparison that throws leaves each
  // node where it was.
  detail::QueueNode* choose(detail::NodeList& trees) override {
    while (trees.second() != nullptr) {
      const bool in_order = comes_first(*trees.first(), *trees.second());
      detail::QueueNode* winner = trees.pop_front();
      detail::QueueNode* loser = trees.pop_front();
      if (!in_order) std::swap(winner, loser);
      winner->children.push_back(*loser);
      trees.push_back(*winner);
    }
    return trees.first();
  }

  bool comes_first(const detail::QueueNode& left, const detail::QueueNode& right) {
    const T& a = static_cast<const Node&>(left).value;
    const T& b = static_cast<const Node&>(right).value;
    if (compare_(a, b)) return true;
    return !compare_(b, a) && left.number < right.number;
  }

  [[no_unique_address]] Compare compare_;
};

}  // namespace evergreen
