// Users and groups: from files, mostly, or from a directory server (sssd, LDAP), which may take its time.

#include <grp.h>
#include <pwd.h>

#include "patch/lookup.h"

using namespace evergreen::patch;

SHIM passwd* getpwnam(const char* name) { return looked_up<&Real::getpwnam>(name); }

SHIM int getpwnam_r(const char* name, passwd* entry, char* buffer, size_t size, passwd** result) {
  return looked_up<&Real::getpwnam_r>(name, entry, buffer, size, result);
}

SHIM passwd* getpwuid(uid_t id) { return looked_up<&Real::getpwuid>(id); }

SHIM int getpwuid_r(uid_t id, passwd* entry, char* buffer, size_t size, passwd** result) {
  return looked_up<&Real::getpwuid_r>(id, entry, buffer, size, result);
}

SHIM passwd* getpwent() { return looked_up<&Real::getpwent>(); }

SHIM int getpwent_r(passwd* entry, char* buffer, size_t size, passwd** result) {
  return looked_up<&Real::getpwent_r>(entry, buffer, size, result);
}

SHIM group* getgrnam(const char* name) { return looked_up<&Real::getgrnam>(name); }

SHIM int getgrnam_r(const char* name, group* entry, char* buffer, size_t size, group** result) {
  return looked_up<&Real::getgrnam_r>(name, entry, buffer, size, result);
}

SHIM group* getgrgid(gid_t id) { return looked_up<&Real::getgrgid>(id); }

SHIM int getgrgid_r(gid_t id, group* entry, char* buffer, size_t size, group** result) {
  return looked_up<&Real::getgrgid_r>(id, entry, buffer, size, result);
}

SHIM group* getgrent() { return looked_up<&Real::getgrent>(); }

SHIM int getgrent_r(group* entry, char* buffer, size_t size, group** result) {
  return looked_up<&Real::getgrent_r>(entry, buffer, size, result);
}

SHIM int getgrouplist(const char* user, gid_t own, gid_t* groups, int* count) {
  return looked_up<&Real::getgrouplist>(user, own, groups, count);
}
