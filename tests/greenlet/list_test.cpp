#include "greenlet/list.h"

#include <string>

#include "tests/support/catch.h"

using evergreen::Link;
using evergreen::List;

namespace {

struct OtherTag;

struct Element : Link<Element>, Link<OtherTag> {
  explicit Element(char name) : name(name) {}
  char name;
};

template <class L>
std::string names(L& list) {
  std::string text;
  for (Element* e = list.first(); e != nullptr; e = list.after(*e)) text += e->name;
  return text;
}

}  // namespace

TEST_CASE("a new list is empty", "[list]") {
  List<Element> list;
  CHECK(list.empty());
  CHECK(list.first() == nullptr);
  CHECK(list.pop_front() == nullptr);
  CHECK(list.pop_back() == nullptr);
}

TEST_CASE("elements stand in the order in which they were pushed", "[list]") {
  Element a('a'), b('b'), c('c');
  List<Element> list;
  list.push_back(b);
  list.push_back(c);
  list.push_front(a);
  CHECK_FALSE(list.empty());
  CHECK(names(list) == "abc");
}

TEST_CASE("pop takes from its own end, and the element is free afterwards", "[list]") {
  Element a('a'), b('b'), c('c');
  List<Element> list;
  for (Element* e : {&a, &b, &c}) list.push_back(*e);
  CHECK(list.pop_back() == &c);
  CHECK(list.pop_front() == &a);
  CHECK_FALSE(a.Link<Element>::is_linked());
  CHECK(list.pop_front() == &b);
  CHECK(list.empty());
  list.push_back(a);
  CHECK(names(list) == "a");
}

TEST_CASE("unlinking closes the gap wherever it is", "[list]") {
  Element a('a'), b('b'), c('c');
  List<Element> list;
  for (Element* e : {&a, &b, &c}) list.push_back(*e);
  b.Link<Element>::unlink();
  CHECK(names(list) == "ac");
  a.Link<Element>::unlink();
  c.Link<Element>::unlink();
  CHECK(list.empty());
}

TEST_CASE("an element can be on two lists with two tags", "[list]") {
  Element a('a'), b('b');
  List<Element> one;
  List<Element, OtherTag> other;
  one.push_back(a);
  one.push_back(b);
  other.push_back(b);
  other.push_back(a);
  CHECK(one.pop_front() == &a);
  CHECK(names(one) == "b");
  CHECK(other.pop_front() == &b);
  CHECK(other.pop_front() == &a);
}
