#ifndef MIRROR_SERVER_STORE_POSTGRES_RECORDS_OWN_WRITES_H_
#define MIRROR_SERVER_STORE_POSTGRES_RECORDS_OWN_WRITES_H_

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/pipeline.h"

namespace mirror {

/// Statements that write a mirror's own tables, and go together with the next round trip. Who reads what they
/// write sends them first. Threads: one at a time.
class OwnWrites {
 public:
  /// A text that lives as long as the statements do.
  std::string_view Keep(std::string text) { return kept_.emplace_back(std::move(text)); }
  /// Texts and bytes of `values` were given to Keep(), or are constants.
  void Add(std::string sql, std::vector<postgres::Value> values);
  bool empty() const { return statements_.empty(); }

  /// Behind what is queued there; after the pipeline has run, Clear().
  void QueueIn(postgres::Pipeline& pipeline) const;
  void Clear();
  /// In a pipeline of their own. Errors: those of InStoreWords(); none of them is queued any more.
  absl::Status Send(postgres::Connection& connection);

 private:
  struct Statement {
    std::string sql;
    std::vector<postgres::Value> values;
  };
  std::vector<Statement> statements_;
  std::deque<std::string> kept_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_RECORDS_OWN_WRITES_H_
