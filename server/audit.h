#ifndef MIRROR_SERVER_AUDIT_H_
#define MIRROR_SERVER_AUDIT_H_

#include <string>

#include "absl/status/status.h"
#include "server/store/catalog.h"

namespace mirror {

/// Who asked for what on the operators' listener, and how it ended: refused calls too. Kept in the catalog
/// and written to the log. A catalog that cannot be written does not stop the call: an operator who sets an
/// LSN to -1 in an emergency must get through, and the log has the record. Threads: any.
class Audit {
 public:
  explicit Audit(Catalog& catalog) : catalog_(catalog) {}

  /// `who`: common name of the client's certificate. `call`: the call with tenant and tables, never a value.
  void Add(const std::string& who, const std::string& call, const absl::Status& outcome);

 private:
  Catalog& catalog_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_AUDIT_H_
