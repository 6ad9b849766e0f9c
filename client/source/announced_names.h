#ifndef MIRROR_CLIENT_SOURCE_ANNOUNCED_NAMES_H_
#define MIRROR_CLIENT_SOURCE_ANNOUNCED_NAMES_H_

#include <map>
#include <string>

#include "client/source/reader.h"

namespace mirror {

/// Which of a source's tables have names that a mirror can have, each once. Threads: one.
class AnnouncedNames {
 public:
  /// What is refused is told there.
  explicit AnnouncedNames(SourceSchema* schema) : schema_(schema) {}

  /// False: it is refused. `is_readable`: the source can be asked for a table of that name.
  bool Take(const std::string& name, bool is_readable);

 private:
  SourceSchema* const schema_;
  std::map<std::string, std::string> folded_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ANNOUNCED_NAMES_H_
