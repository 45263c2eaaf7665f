// Intrusive doubly linked list: an element is its own link, so no operation allocates or fails.
#pragma once

namespace evergreen {

// An element derives from Link<Tag> once for each list that it may be on at the same time.
template <class Tag>
struct Link {
  Link* next = nullptr;
  Link* previous = nullptr;

  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  [[nodiscard]] bool is_linked() const noexcept { return next != nullptr; }

  // Precondition: is_linked().
  void unlink() noexcept {
    previous->next = next;  // NOLINT(clang-analyzer-core.NullDereference): the precondition
    next->previous = previous;
    next = previous = nullptr;
  }
};

// Not synchronised. An element must be unlinked before it dies, and the list does not move.
template <class T, class Tag = T>
class List {
 public:
  List() noexcept { head_.next = head_.previous = &head_; }

  [[nodiscard]] bool empty() const noexcept { return head_.next == &head_; }

  void push_back(T& element) noexcept { insert_before(head_, element); }
  void push_front(T& element) noexcept { insert_before(*head_.next, element); }

  // Removes and returns the first or last element; nullptr when empty.
  T* pop_front() noexcept { return take(head_.next); }
  T* pop_back() noexcept { return take(head_.previous); }

  // for (T* e = list.first(); e != nullptr; e = list.after(*e))
  [[nodiscard]] T* first() noexcept { return element(head_.next); }
  [[nodiscard]] T* after(Link<Tag>& of) noexcept { return element(of.next); }

 private:
  static void insert_before(Link<Tag>& at, Link<Tag>& link) noexcept {
    link.next = &at;
    link.previous = at.previous;
    at.previous->next = &link;
    at.previous = &link;
  }

  T* take(Link<Tag>* link) noexcept {
    T* taken = element(link);
    if (taken != nullptr) link->unlink();
    return taken;
  }

  T* element(Link<Tag>* link) noexcept { return link == &head_ ? nullptr : static_cast<T*>(link); }

  Link<Tag> head_;
};

}  // namespace evergreen
