#include "base/http/identity_files.h"

#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace mirror {

absl::StatusOr<HttpIdentity> HttpIdentityFiles::Read() {
  // The mark is made before reading, so that a change during the read is detected later.
  mark_ = Mark();
  ASSIGN_OR_RETURN(std::string chain, ReadKeyFile(certificate_, FileUse::kPublic));
  ASSIGN_OR_RETURN(std::string key, ReadKeyFile(key_, FileUse::kSecret));
  return HttpIdentity{std::move(chain), std::move(key)};
}

bool HttpIdentityFiles::IsStale() const { return Mark() != mark_; }

std::string HttpIdentityFiles::Mark() const {
  std::string mark;
  for (const std::string& file : {certificate_, key_}) {
    struct stat status = {};
    if (stat(file.c_str(), &status) != 0) status = {};
    // ctime is used, because a program can set mtime to any value.
    absl::StrAppend(&mark, status.st_dev, " ", status.st_ino, " ", status.st_size, " ", status.st_ctim.tv_sec,
                    ".", status.st_ctim.tv_nsec, "\n");
  }
  return mark;
}

}  // namespace mirror
