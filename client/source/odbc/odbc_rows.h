#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_ROWS_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/odbc/row_stream.h"
#include "client/source/capture/value_rows.h"
#include "client/source/odbc/odbc_dialect.h"
#include "client/source/odbc/odbc_sessions.h"
#include "client/source/reader.h"
#include "client/source/server/server_look.h"
#include "client/source/server/server_row_decoder.h"
#include "client/source/server/server_rows.h"
#include "proto/wire/batch.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

namespace mirror {

/// Returns a value of a key as the parameter for OdbcColumn::place.
odbc::Parameter OdbcKeyParameter(const OdbcColumn& column, const Column& announced, const KeyPart& part);

/// Returns a condition over the row t for values of `from` or greater, as KeyPart compares them. It keeps
/// every such row, and may keep others. Empty: there is no such condition.
std::string OdbcFromSql(const OdbcColumn& column, const Column& announced, const KeyPart& from,
                        std::vector<odbc::Parameter>* parameters);

/// Converts rows of a table from texts to the wire's values. Threads: one.
class OdbcRowDecoder : public ServerRowDecoder {
 public:
  /// The form in which each column's values arrive, and its announcement.
  OdbcRowDecoder(std::vector<OdbcForm> forms, std::vector<Column> announced)
      : ServerRowDecoder(std::move(announced)), forms_(std::move(forms)) {}

 private:
  bool DecodeValue(std::size_t i, std::string_view data, std::string* text, Value* value) const override;

  std::vector<OdbcForm> forms_;
};

/// State that the readers of one look share.
using OdbcLook = ServerLook<OdbcSessions, OdbcPlace, KnownOdbcTable>;

/// Selects rows of a table, and their columns.
struct OdbcAsk {
  std::vector<std::uint32_t> columns;            ///< Indexes of its schema.
  std::string where = {};                        ///< A condition over the row t; empty: all.
  std::vector<odbc::Parameter> parameters = {};  ///< Values of its "?".
  std::string order = {};                        ///< "ORDER BY …", for rows_max.
  std::size_t rows_max = 0;                      ///< 0: all rows. Otherwise one statement reads them.
  bool left_out = false;                         ///< Only rows that the table's `where` leaves out.
};

/// Rows of a table. They are of one moment if the rows of one statement are in that database, also when read
/// in pages; but with the dialect "generic" each page has its own moment. Threads: one.
class OdbcSourceRows : public ServerRows<OdbcLook, OdbcAsk, OdbcRowDecoder> {
 public:
  OdbcSourceRows(std::shared_ptr<const OdbcLook> look, std::shared_ptr<const KnownOdbcTable> known,
                 OdbcAsk ask);
  ~OdbcSourceRows() override;
  OdbcSourceRows(const OdbcSourceRows&) = delete;
  OdbcSourceRows& operator=(const OdbcSourceRows&) = delete;

 private:
  bool IsPaged() const { return !known_->table.pages.empty() && ask_.rows_max == 0; }
  absl::Status Begin() override;
  absl::Status Send() override;
  absl::StatusOr<bool> Step() override { return IsPaged() ? StepInPages() : stream_->Step(); }
  const std::vector<std::string_view>& Fields() const override { return stream_->fields(); }
  absl::Status Explain(const absl::Status& status) const override;
  void Close() override;
  absl::Status CheckDefinition();
  absl::Status CheckUnwritten();
  std::string Sql(std::vector<odbc::Parameter>* parameters) const;
  std::string Behind(std::vector<odbc::Parameter>* parameters) const;
  absl::StatusOr<bool> StepInPages();
  void KeepPlace();

  std::unique_ptr<OdbcReading> reading_;
  std::unique_ptr<odbc::RowStream> stream_;
  std::string mark_;                     ///< See OdbcDialect::WriteMark().
  std::size_t page_rows_ = 0;            ///< Rows of the present page so far.
  std::vector<odbc::Parameter> behind_;  ///< Where the present page ends so far; empty: it is the first.
};

/// Counts the source's rows of a table. `where`: a condition over t.
absl::StatusOr<std::uint64_t> CountOdbcRows(const OdbcLook& look, const KnownOdbcTable& known,
                                            const std::string& where = "");

/// See SourceReader::LookAtColumn(). An index can answer if the database orders the type as KeyPart does;
/// otherwise every value is read. Least, greatest and nulls may be of different moments.
absl::StatusOr<SourceReader::ColumnFacts> LookAtOdbcColumn(const std::shared_ptr<const OdbcLook>& look,
                                                           const std::shared_ptr<const KnownOdbcTable>& known,
                                                           std::uint32_t column);

/// See ReadKeyRows(): gives the rows of these keys, and others that the source's collations consider equal,
/// with the columns `read`.
std::unique_ptr<ValueRows> RowsOfOdbcKeys(std::shared_ptr<const OdbcLook> look,
                                          std::shared_ptr<const KnownOdbcTable> known,
                                          std::vector<std::uint32_t> read, WantedKeys keys);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_ROWS_H_
