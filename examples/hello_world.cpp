// Ten greetings, each of which takes three seconds: all of them take three seconds, on one thread.
#include <evergreen/evergreen.h>

#include <chrono>
#include <iostream>
#include <vector>

using namespace std::chrono_literals;

int main() {
  std::vector<evergreen::Greenlet<void>> greenlets;
  for (int i = 1; i <= 10; ++i) {
    greenlets.push_back(evergreen::spawn([i] {
      std::cout << "hello " << i << std::endl;
      evergreen::sleep(3s);  // the others run meanwhile
      std::cout << "world " << i << std::endl;
    }));
  }
  evergreen::joinall(greenlets);
}
