#ifndef MIRROR_CLIENT_SOURCE_STEPS_PIPELINE_H_
#define MIRROR_CLIENT_SOURCE_STEPS_PIPELINE_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "certs/keyed_hash.h"
#include "client/source/steps/table_steps.h"
#include "proto/wire/table.h"

namespace mirror {

/// The steps of all tables of a source, and how they were when the tables were announced last. What was kept
/// of a table is called by the mirror's name for it, and holds what the reader below wants to know, too.
class Pipeline {
 public:
  /// `steps`: of tables that have any. `key`: where it is needed and cannot be read, why. `records`:
  /// SourceTable.record of earlier runs.
  Pipeline(std::vector<TableSteps> steps, absl::StatusOr<std::optional<TenantHashKey>> key,
           std::map<std::string, std::string> records);

  const std::vector<TableSteps>& steps() const { return steps_; }
  /// Null: the table goes as it is.
  const TableSteps* Find(const std::string& source_name) const;
  /// Null: the source calls it as the mirror does.
  const TableSteps* FindSent(const std::string& name) const;
  const absl::StatusOr<std::optional<TenantHashKey>>& key() const { return key_; }

  /// The records of the reader below, by the source's names.
  std::map<std::string, std::string> InnerRecords() const;
  /// What is to be kept of a table that is sent as `sent`, whose columns are `origin` of `source`.
  std::string MakeRecord(const TableSteps& steps, const TableSchema& source, const TableSchema& sent,
                         const std::vector<std::uint32_t>& origin, const std::string& inner) const;
  /// What was kept of it; empty: nothing.
  std::string RecordOf(const TableSteps& steps) const;
  /// How the table was announced the last time, of what the source still has. Absent: it never was.
  std::optional<TableSchema> FormerForm(const TableSteps& steps, const TableSchema& source,
                                        std::vector<std::uint32_t>* origin) const;

  /// A table of which other rows are sent than before.
  struct Change {
    std::string source, name;  ///< Its names at the source and in the mirror.
    bool recorded = false;     ///< It was announced before.
  };
  std::vector<Change> Changed() const;

 private:
  struct Kept {
    std::string fingerprint, source, inner;
    struct Sent {
      std::string from, to;
      bool as_text = false;
    };
    std::vector<Sent> columns;  ///< Empty: those of the source, as they are.
  };
  static Kept Read(const std::string& name, const std::string& record);
  const TenantHashKey* KeyOrNull() const { return key_.ok() && *key_ ? &**key_ : nullptr; }

  std::vector<TableSteps> steps_;
  absl::StatusOr<std::optional<TenantHashKey>> key_;
  std::map<std::string, std::string> records_;
  std::map<std::string, Kept> kept_;  ///< By the mirror's name, folded.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STEPS_PIPELINE_H_
