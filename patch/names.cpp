// Names of hosts, by files or a name server: libc asks the server with calls that pass no shim. Which of them is quick
// depends on the program, so each learns from its last calls.

#include <netdb.h>

#include "patch/lookup.h"

using namespace evergreen;
using namespace evergreen::patch;

// Waits for a name server, unless no name is asked for. So libc shall first take the name for an address in digits, as
// database drivers are often given: fifty threads that connect at once shall not need fifty kernel threads.
SHIM int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
  if (node == nullptr || !on_greenlet()) return real.getaddrinfo(node, service, hints, result);
  addrinfo digits{};
  digits.ai_flags = AI_NUMERICHOST | (hints != nullptr ? hints->ai_flags : AI_V4MAPPED | AI_ADDRCONFIG);
  digits.ai_family = hints != nullptr ? hints->ai_family : AF_UNSPEC;
  digits.ai_socktype = hints != nullptr ? hints->ai_socktype : 0;
  digits.ai_protocol = hints != nullptr ? hints->ai_protocol : 0;
  const int saved = errno;
  const int answer = real.getaddrinfo(node, service, &digits, result);
  if (answer != EAI_NONAME || (hints != nullptr && (hints->ai_flags & AI_NUMERICHOST) != 0)) return answer;
  errno = saved;
  return looked_up<&Real::getaddrinfo>(node, service, hints, result);
}

// Waits for a name server, unless no name is asked for.
SHIM int getnameinfo(const sockaddr* address, socklen_t size, char* host, socklen_t host_size, char* service,
                     socklen_t service_size, int flags) {
  const bool asks = host != nullptr && (flags & NI_NUMERICHOST) == 0;
  if (!asks) return real.getnameinfo(address, size, host, host_size, service, service_size, flags);
  return looked_up<&Real::getnameinfo>(address, size, host, host_size, service, service_size, flags);
}

// Waits for a name server.
SHIM hostent* gethostbyname(const char* name) { return looked_up<&Real::gethostbyname>(name); }

// Waits for a name server.
SHIM hostent* gethostbyname2(const char* name, int family) { return looked_up<&Real::gethostbyname2>(name, family); }

// Waits for a name server.
SHIM int gethostbyname_r(const char* name, hostent* entry, char* buffer, size_t size, hostent** result, int* error) {
  return looked_up<&Real::gethostbyname_r>(name, entry, buffer, size, result, error);
}

// Waits for a name server.
SHIM int gethostbyname2_r(const char* name, int family, hostent* entry, char* buffer, size_t size, hostent** result,
                          int* error) {
  return looked_up<&Real::gethostbyname2_r>(name, family, entry, buffer, size, result, error);
}

// Waits for a name server.
SHIM hostent* gethostbyaddr(const void* address, socklen_t length, int family) {
  return looked_up<&Real::gethostbyaddr>(address, length, family);
}

// Waits for a name server.
SHIM int gethostbyaddr_r(const void* address, socklen_t length, int family, hostent* entry, char* buffer, size_t size,
                         hostent** result, int* error) {
  return looked_up<&Real::gethostbyaddr_r>(address, length, family, entry, buffer, size, result, error);
}
