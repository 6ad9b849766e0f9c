#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_ROWS_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/odbc/row_stream.h"
#include "certs/keyed_hash.h"
#include "client/source/odbc/odbc_row_decoder.h"
#include "client/source/odbc/odbc_sessions.h"
#include "client/source/odbc/odbc_table.h"
#include "client/source/steps/row_steps.h"
#include "client/source/values/value_rows.h"
#include "proto/wire/batch.h"

namespace mirror {

/// What the readers of one look share.
struct OdbcLook {
  std::shared_ptr<OdbcSessions> sessions;
  OdbcPlace place;
  const TenantHashKey* hash_key = nullptr;  ///< Null: there is none. Outlives the look.
  bool is_over = false;                     ///< There is a newer one.
  /// Keeps that values of these columns (indexes of the table's schema) are not as they were announced.
  std::function<void(const KnownOdbcTable& table, const std::vector<OdbcMisfit>& misfits)> keep;
};

/// Which rows of a table are read, and what of them.
struct OdbcAsk {
  std::vector<std::uint32_t> columns;            ///< Indexes of its schema.
  std::string where = {};                        ///< A condition over the row t; empty: all.
  std::vector<odbc::Parameter> parameters = {};  ///< Of its "?".
  std::string order = {};                        ///< "ORDER BY …", with rows_max.
  std::size_t rows_max = 0;                      ///< 0: all. Else in one statement.
  bool left_out = false;                         ///< Instead: rows that the table's `where` leaves out.
};

/// Rows of a table. They are of one moment where a statement's are in that database, and where the table is
/// read page by page but for the dialect "generic": there each page is of its own. Threads: one.
class OdbcSourceRows : public ValueRows {
 public:
  OdbcSourceRows(std::shared_ptr<const OdbcLook> look, std::shared_ptr<const KnownOdbcTable> known,
                 OdbcAsk ask);
  ~OdbcSourceRows() override;
  OdbcSourceRows(const OdbcSourceRows&) = delete;
  OdbcSourceRows& operator=(const OdbcSourceRows&) = delete;

  /// False: there is no further row. Errors: see TableReader::Next(). A value that is not as it was announced
  /// is kept for the next look, with all others that follow.
  absl::StatusOr<bool> Next() override;
  /// Of the present row, in the order of OdbcAsk::columns.
  const std::vector<Value>& values() const override { return steps_ ? values_ : decoder_.values(); }

 private:
  bool IsPaged() const { return !known_->table.pages.empty() && ask_.rows_max == 0; }
  absl::Status Start();
  absl::Status CheckDefinition();
  absl::Status Send();
  absl::Status CheckUnwritten();
  std::string Sql(std::vector<odbc::Parameter>* parameters) const;
  std::string Behind(std::vector<odbc::Parameter>* parameters) const;
  absl::StatusOr<bool> Step();
  absl::StatusOr<bool> StepInPages();
  void KeepPlace();
  absl::StatusOr<bool> NextOfTable();
  absl::StatusOr<bool> TakeSteps();
  absl::StatusOr<bool> Misfit();
  absl::Status Explain(const absl::Status& status) const;
  void End();

  const std::shared_ptr<const OdbcLook> look_;
  const std::shared_ptr<const KnownOdbcTable> known_;
  const OdbcAsk ask_;
  const std::vector<std::uint32_t> read_;  ///< What is read: with steps all columns.
  OdbcRowDecoder decoder_;
  bool has_begun_ = false, has_ended_ = false;
  std::unique_ptr<OdbcReading> reading_;
  std::unique_ptr<odbc::RowStream> stream_;
  std::string mark_;                     ///< See OdbcDialect::WriteMark().
  std::size_t page_rows_ = 0;            ///< Of the present page so far.
  std::vector<odbc::Parameter> behind_;  ///< Where the present page ends so far; none: it is the first.
  std::optional<RowSteps> steps_;        ///< Once it has begun.
  std::vector<Value> row_, values_;      ///< With steps: the whole row, and what was asked for.
};

/// The source's own rows of a table: how many. `where`: a condition over t.
absl::StatusOr<std::uint64_t> CountOdbcRows(const OdbcLook& look, const KnownOdbcTable& known,
                                            const std::string& where = "");

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_ROWS_H_
