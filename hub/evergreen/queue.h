#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include "evergreen/deadline.h"
#include "evergreen/detail/queue_core.h"
#include "evergreen/queue_error.h"

namespace evergreen {
namespace detail {

// A range whose elements make a T; no queue, so that no constructor from items is one that copies.
template <class Items, class T>
concept ItemsFor = !std::derived_from<std::remove_cvref_t<Items>, QueueCore> && std::ranges::input_range<Items> &&
                   std::constructible_from<T, std::ranges::range_reference_t<Items>>;

}  // namespace detail

// A queue between greenlets: any number of them put, any number get, in order.
//
//     Queue<Page> pages(10);                        // who puts the eleventh waits
//     auto parser = spawn([&] {
//       for (Page& page : pages) parse(page);       // until the queue is shut down, and empty
//     });
//     for (const Url& url : urls) pages.put(fetch(url));
//     pages.shutdown();
//     parser.get();
//
// Who waits is served in the order of coming. What ends a put() or get() (a deadline, kill(), a Timeout) comes before
// it or after it: an item is never lost on the way, and never got twice. T may be move-only; its constructors,
// destructor and comparisons may throw and wait. An item whose move constructor throws when it is got is lost.
//
// Threads: all members from any greenlet of any hub and any kernel thread; what waits blocks a plain kernel thread. Not
// from signal handlers. It must outlive who waits for it. wait() takes it as ready when get() would not wait.
// Fork: the child must not use a queue that greenlets of its parent wait for.
// Follows gevent.queue.Queue (since 25.4: JoinableQueue is the same). Queue(0) is a rendezvous, as a Channel.
template <class T>
class Queue : public detail::QueueCore {
  static_assert(std::is_object_v<T> && std::is_move_constructible_v<T>);

 protected:
  struct Node : detail::QueueNode {
    template <class... Arguments>
    explicit Node(Arguments&&... arguments) : value(std::forward<Arguments>(arguments)...) {}
    T value;
  };

 public:
  using value_type = T;
  class Iterator;

  // A maxsize: put() never waits.
  static constexpr std::size_t unbounded = SIZE_MAX;

  // With room for `maxsize` items. 0: for none, so that put() returns when somebody has taken the item.
  explicit Queue(std::size_t maxsize = unbounded) noexcept : Queue(maxsize, Order::first_in) {}

  // The same with `items` in it already, however many.
  template <detail::ItemsFor<T> Items>
  // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): no queue is taken for items
  explicit Queue(Items&& items, std::size_t maxsize = unbounded) : Queue(maxsize) {
    fill(items);
  }

  virtual ~Queue() { discard(take_all()); }
  Queue(const Queue&) = delete;  // those who wait hold its address
  Queue& operator=(const Queue&) = delete;

  // Puts `item` in. Waits while there is no room; throws Full when `deadline` has passed first, ShutDown, what ends the
  // running greenlet, and what T's move constructor throws. Then the item is not in the queue, and gone.
  void put(T item, Deadline deadline = Deadline::never()) {
    Owner node(new Node(std::move(item)));
    put_or_throw(node.node, deadline);
  }
  void put_nowait(T item) { put(std::move(item), Deadline::now()); }

  // The same, but returns whether it is in the queue: false when `deadline`, by default at once, has passed, or the
  // queue is shut down. `item` is as it was, then.
  bool try_put(T&& item, Deadline deadline = Deadline::now()) requires std::assignable_from<T&, T> {
    Owner node(new Node(std::move(item)));
    if (QueueCore::put(node.node, deadline) == Result::done) return true;
    item = std::move(static_cast<Node*>(node.node)->value);
    return false;
  }
  bool try_put(const T& item, Deadline deadline = Deadline::now()) requires std::copy_constructible<T> {
    Owner node(new Node(item));
    return QueueCore::put(node.node, deadline) == Result::done;
  }

  // Takes the next item out. Waits while there is none; throws Empty when `deadline` has passed first, ShutDown if the
  // queue is shut down and empty, and what ends the running greenlet.
  T get(Deadline deadline = Deadline::never()) {
    const Owner node(get_or_throw(deadline));
    return std::move(static_cast<Node*>(node.node)->value);
  }
  T get_nowait() { return get(Deadline::now()); }

  // The same, but returns nothing when `deadline`, by default at once, has passed, or the queue is shut down and empty.
  std::optional<T> try_get(Deadline deadline = Deadline::now()) {
    Owner node;
    if (QueueCore::get(node.node, deadline) != Result::done) return std::nullopt;
    return std::move(static_cast<Node*>(node.node)->value);
  }

  // A copy of the next item, which stays in the queue. Waits and throws as get(). It sees what nobody waits to get.
  T peek(Deadline deadline = Deadline::never()) requires std::copy_constructible<T> {
    std::optional<T> copy;
    peek_or_throw([&](const detail::QueueNode& node) { copy.emplace(static_cast<const Node&>(node).value); }, deadline);
    return std::move(*copy);
  }
  T peek_nowait() requires std::copy_constructible<T> { return peek(Deadline::now()); }

  // How many items are in it; and what that means for get() and put(), until somebody else uses it.
  [[nodiscard]] std::size_t qsize() const { return count(); }
  [[nodiscard]] std::size_t size() const { return count(); }
  [[nodiscard]] bool empty() const { return count() == 0; }
  [[nodiscard]] bool full() const { return is_full(); }

  // What is in it stays, and with more room those who wait put their items in.
  [[nodiscard]] std::size_t maxsize() const { return limit(); }
  void set_maxsize(std::size_t maxsize) { set_limit(maxsize); }

  // Whoever has got an item says by task_done() that it is done with it. join() waits until that is so for all that
  // were put, or `deadline` has passed; returns whether it is. task_done() throws std::logic_error when called more
  // often than items were put.
  void task_done() { finish_one(); }
  bool join(Deadline deadline = Deadline::never()) { return QueueCore::join(deadline); }
  [[nodiscard]] std::size_t unfinished_tasks() const { return unfinished(); }

  // No more items: whoever puts, or waits in put(), throws ShutDown; so does who gets, once it is empty. `immediate`:
  // it is empty at once, and what was in it counts as done.
  void shutdown(bool immediate = false) { discard(shut_down(immediate)); }
  [[nodiscard]] bool is_shutdown() const { return is_shut_down(); }

  // Gets each item, until the queue is shut down and empty. A single pass: an item belongs to whoever got it.
  Iterator begin() { return Iterator(*this); }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 protected:
  Queue(std::size_t maxsize, Order order) noexcept : QueueCore(maxsize, order) {}

  template <class Items>
  void fill(Items& items) {
    for (auto&& item : items) put_at_once(*new Node(std::forward<decltype(item)>(item)));
  }

 private:
  // Deletes the node, unless it has become the queue's.
  struct Owner {
    Owner() noexcept = default;
    explicit Owner(detail::QueueNode* made) noexcept : node(made) {}
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;
    ~Owner() { delete static_cast<Node*>(node); }
    detail::QueueNode* node = nullptr;
  };

  static void discard(detail::NodeList nodes) {
    while (detail::QueueNode* const node = nodes.pop_front()) {
      nodes.append(std::move(node->children));
      delete static_cast<Node*>(node);
    }
  }
};

// Of a Queue: see begin(). An input iterator that can only be moved, and owns the item.
template <class T>
class Queue<T>::Iterator {
 public:
  using iterator_concept = std::input_iterator_tag;
  using value_type = T;
  using difference_type = std::ptrdiff_t;

  explicit Iterator(Queue& queue) : queue_(&queue) { ++*this; }

  T& operator*() const noexcept { return node_->value; }
  T* operator->() const noexcept { return &node_->value; }
  Iterator& operator++() {
    node_.reset();
    detail::QueueNode* node = nullptr;
    if (queue_->QueueCore::get(node, Deadline::never()) == Result::done) node_.reset(static_cast<Node*>(node));
    return *this;
  }
  void operator++(int) { ++*this; }

  friend bool operator==(const Iterator& self, std::default_sentinel_t) noexcept { return self.node_ == nullptr; }

 private:
  Queue* queue_;
  std::unique_ptr<Node> node_;
};

// A Queue that gives the item that was put last. Follows gevent.queue.LifoQueue.
//
//     LifoQueue<Connection> idle;     // the one that was used last is still warm
template <class T>
class LifoQueue : public Queue<T> {
 public:
  // As Queue().
  explicit LifoQueue(std::size_t maxsize = Queue<T>::unbounded) noexcept
      : Queue<T>(maxsize, detail::QueueCore::Order::last_in) {}

  // As Queue(): the last of `items` comes out first.
  template <detail::ItemsFor<T> Items>
  // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): no queue is taken for items
  explicit LifoQueue(Items&& items, std::size_t maxsize = Queue<T>::unbounded) : LifoQueue(maxsize) {
    this->fill(items);
  }
};

// gevent has two names for it.
template <class T>
using JoinableQueue = Queue<T>;

}  // namespace evergreen
