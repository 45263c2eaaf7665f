#include "evergreen/detail/queue_core.h"

namespace evergreen::detail {

QueueNode* NodeList::first() const noexcept { return last_ != nullptr ? last_->next : nullptr; }

QueueNode* NodeList::second() const noexcept { return last_ != first() ? last_->next->next : nullptr; }

void NodeList::push_front(QueueNode& node) noexcept {
  if (last_ == nullptr) last_ = node.next = &node;
  node.next = std::exchange(last_->next, &node);
}

void NodeList::push_back(QueueNode& node) noexcept {
  push_front(node);
  last_ = &node;
}

QueueNode* NodeList::pop_front() noexcept {
  QueueNode* const node = first();
  if (node == nullptr) return nullptr;
  last_ == node ? last_ = nullptr : last_->next = node->next;
  node->next = nullptr;
  return node;
}

void NodeList::append(NodeList&& tail) noexcept {
  QueueNode* const new_last = std::exchange(tail.last_, nullptr);
  if (new_last == nullptr) return;
  if (last_ != nullptr) std::swap(last_->next, new_last->next);
  last_ = new_last;
}

void NodeList::prepend(NodeList&& front) noexcept {
  front.append(std::move(*this));
  append(std::move(front));
}

}  // namespace evergreen::detail
