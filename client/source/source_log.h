#ifndef MIRROR_CLIENT_SOURCE_SOURCE_LOG_H_
#define MIRROR_CLIENT_SOURCE_SOURCE_LOG_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "client/source/cycle_marks.h"
#include "client/source/history.h"
#include "client/source/log_figures.h"

namespace mirror {

/// The history that a source's change log keeps, whatever kind of source it is. Tables have the source's own
/// names. The reader of the same kind is opened with it, and takes it for what that kind makes of it.
class SourceLog : public History {
 public:
  /// As of now; what cannot be asked is absent.
  virtual LogFigures Figures() { return {}; }

  /// Where the source notes cycles for its exchange; null: it has none. Lives as long as this.
  virtual CycleMarks* marks() { return nullptr; }

  /// Tables that it cannot log, whatever is asked for, with the reason for people: what changed in them is
  /// found by comparing. By name.
  virtual absl::StatusOr<std::map<std::string, std::string>> Unlogged() {
    return std::map<std::string, std::string>();
  }
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SOURCE_LOG_H_
