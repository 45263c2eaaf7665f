// What all queues are made of, whatever their items. Not for users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "evergreen/deadline.h"
#include "evergreen/detail/wait_list.h"

namespace evergreen::detail {

struct QueueNode;

// A ring of nodes, named by its last one.
class NodeList {
 public:
  NodeList() noexcept = default;
  NodeList(NodeList&& other) noexcept : last_(std::exchange(other.last_, nullptr)) {}
  NodeList& operator=(NodeList&&) = delete;

  [[nodiscard]] bool empty() const noexcept { return last_ == nullptr; }
  [[nodiscard]] QueueNode* first() const noexcept;   // nullptr: there is none
  [[nodiscard]] QueueNode* second() const noexcept;  // likewise
  void push_back(QueueNode& node) noexcept;
  void push_front(QueueNode& node) noexcept;
  QueueNode* pop_front() noexcept;  // nullptr: there was none
  void append(NodeList&& tail) noexcept;
  void prepend(NodeList&& front) noexcept;

 private:
  QueueNode* last_ = nullptr;
};

// An item, whose type is known to who made it. The rest is for priority queues: their items are heap-ordered trees.
struct QueueNode {
  QueueNode* next = nullptr;
  NodeList children;
  std::uint64_t number = 0;  // in the order of coming
};

// Nodes change hands in the scope of a Guard, from who puts to who gets: an item goes straight to the getter that has
// waited longest, and a getter that makes room takes in the item of the putter that has waited longest. So nobody who
// comes later is served first, who was woken has been served, and who leaves by an exception has not.
//
// Always: getters wait only while there are no items, and putters only while there is no room and no getter.
//
// Code of users (comparisons, copies) runs outside of the Guard, on items that are held: by one greenlet alone.
class QueueCore : public Waitable {
 protected:
  enum class Order : std::uint8_t { first_in, last_in, sorted };
  enum class Result : std::uint8_t { done, late, shut_down };

  QueueCore(std::size_t limit, Order order) noexcept : limit_(limit), order_(order) {}
  ~QueueCore() = default;

  // nullptr afterwards: the node is the queue's, or the getter's, even where this throws.
  Result put(QueueNode*& node, Deadline deadline);
  void put_or_throw(QueueNode*& node, Deadline deadline);  // Full, ShutDown
  void put_at_once(QueueNode& node) noexcept;              // whatever the limit

  Result get(QueueNode*& node, Deadline deadline);
  QueueNode* get_or_throw(Deadline deadline);  // Empty, ShutDown

  // Calls see() with the next item, while it stays in the queue.
  template <class See>
  void peek_or_throw(See see, Deadline deadline) {
    Holder holder(*this);
    throw_unless_done(holder.wait(deadline));
    see(*choose(holder.nodes));
  }

  NodeList shut_down(bool immediate);  // returns what nobody will get
  NodeList take_all() noexcept { return std::move(stored_); }
  void finish_one();  // throws std::logic_error: there are no unfinished ones
  bool join(Deadline deadline);

  [[nodiscard]] std::size_t count() const;
  [[nodiscard]] bool is_full() const;
  [[nodiscard]] std::size_t limit() const;
  void set_limit(std::size_t limit);
  [[nodiscard]] std::ptrdiff_t balance() const;  // putters that wait, less getters that do
  [[nodiscard]] std::size_t unfinished() const;
  [[nodiscard]] bool is_shut_down() const;

 private:
  struct Getter;
  struct Putter;

  // Whoever holds the items, until it gives them back.
  struct Holder {
    explicit Holder(QueueCore& of) noexcept : queue(of) {}
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    ~Holder() noexcept(false) { give_back(); }
    Result wait(Deadline deadline);  // until there is an item that nobody else holds
    void hold() noexcept;            // in the scope of a Guard
    void give_back();

    QueueCore& queue;
    NodeList nodes;
    bool holds = false;
    bool took_one = false;
  };

  [[nodiscard]] bool is_ready() const noexcept override;

  // The next of `nodes`, which are held; it stays in them, as the first.
  virtual QueueNode* choose(NodeList& nodes) { return nodes.first(); }

  static void throw_unless_done(Result result);  // Empty, ShutDown
  Result get_best(QueueNode*& node, Deadline deadline);
  Result wait_for_item(WaitList::Guard& guard, Getter& me, Deadline deadline);
  void wait_while_held(WaitList::Guard& guard);
  bool hand_over(QueueNode& node) noexcept;
  bool enter(QueueNode& node) noexcept;
  void store(QueueNode& node) noexcept;
  void take_back(QueueNode& node) noexcept;
  void tell_of_item() noexcept;
  QueueNode* take_from_putter() noexcept;
  void count_taken() noexcept;
  void let_in() noexcept;
  void finish(std::size_t count) noexcept;

  // All guarded by waiters_, where getters wait.
  WaitList putters_, peekers_, holders_, joiners_;
  NodeList stored_;
  std::size_t count_ = 0;  // of stored items, and of held ones
  std::size_t limit_;
  std::size_t unfinished_ = 0;
  std::uint64_t times_finished_ = 0;
  std::uint64_t last_number_ = 0;
  const Order order_;
  bool held_ = false;
  bool shut_down_ = false;
};

}  // namespace evergreen::detail
