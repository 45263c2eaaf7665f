// Services, protocols, networks, and the list of known hosts: from files, mostly, or from a directory server.

#include <netdb.h>

#include "patch/lookup.h"

using namespace evergreen::patch;

SHIM servent* getservbyname(const char* name, const char* protocol) {
  return looked_up<&Real::getservbyname>(name, protocol);
}

SHIM int getservbyname_r(const char* name, const char* protocol, servent* entry, char* buffer, size_t size,
                         servent** result) {
  return looked_up<&Real::getservbyname_r>(name, protocol, entry, buffer, size, result);
}

SHIM servent* getservbyport(int port, const char* protocol) { return looked_up<&Real::getservbyport>(port, protocol); }

SHIM int getservbyport_r(int port, const char* protocol, servent* entry, char* buffer, size_t size, servent** result) {
  return looked_up<&Real::getservbyport_r>(port, protocol, entry, buffer, size, result);
}

SHIM servent* getservent() { return looked_up<&Real::getservent>(); }

SHIM int getservent_r(servent* entry, char* buffer, size_t size, servent** result) {
  return looked_up<&Real::getservent_r>(entry, buffer, size, result);
}

SHIM protoent* getprotobyname(const char* name) { return looked_up<&Real::getprotobyname>(name); }

SHIM int getprotobyname_r(const char* name, protoent* entry, char* buffer, size_t size, protoent** result) {
  return looked_up<&Real::getprotobyname_r>(name, entry, buffer, size, result);
}

SHIM protoent* getprotobynumber(int number) { return looked_up<&Real::getprotobynumber>(number); }

SHIM int getprotobynumber_r(int number, protoent* entry, char* buffer, size_t size, protoent** result) {
  return looked_up<&Real::getprotobynumber_r>(number, entry, buffer, size, result);
}

SHIM protoent* getprotoent() { return looked_up<&Real::getprotoent>(); }

SHIM int getprotoent_r(protoent* entry, char* buffer, size_t size, protoent** result) {
  return looked_up<&Real::getprotoent_r>(entry, buffer, size, result);
}

SHIM netent* getnetbyname(const char* name) { return looked_up<&Real::getnetbyname>(name); }

SHIM int getnetbyname_r(const char* name, netent* entry, char* buffer, size_t size, netent** result, int* error) {
  return looked_up<&Real::getnetbyname_r>(name, entry, buffer, size, result, error);
}

SHIM netent* getnetbyaddr(uint32_t net, int type) { return looked_up<&Real::getnetbyaddr>(net, type); }

SHIM int getnetbyaddr_r(uint32_t net, int type, netent* entry, char* buffer, size_t size, netent** result, int* error) {
  return looked_up<&Real::getnetbyaddr_r>(net, type, entry, buffer, size, result, error);
}

SHIM netent* getnetent() { return looked_up<&Real::getnetent>(); }

SHIM int getnetent_r(netent* entry, char* buffer, size_t size, netent** result, int* error) {
  return looked_up<&Real::getnetent_r>(entry, buffer, size, result, error);
}

SHIM hostent* gethostent() { return looked_up<&Real::gethostent>(); }

SHIM int gethostent_r(hostent* entry, char* buffer, size_t size, hostent** result, int* error) {
  return looked_up<&Real::gethostent_r>(entry, buffer, size, result, error);
}
