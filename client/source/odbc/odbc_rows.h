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

/// A value of a key for OdbcColumn::place.
odbc::Parameter OdbcKeyParameter(const OdbcColumn& column, const Column& announced, const KeyPart& part);

/// That a row's value is `from` or greater, as KeyPart compares them: a condition over the row t that keeps
/// every such row, and may keep others. Empty: there is none.
std::string OdbcFromSql(const OdbcColumn& column, const Column& announced, const KeyPart& from,
                        std::vector<odbc::Parameter>* parameters);

/// Rows of a table, from their texts to the wire's values. Threads: one.
class OdbcRowDecoder : public ServerRowDecoder {
 public:
  /// How each column's values come, and as what it is announced.
  OdbcRowDecoder(std::vector<OdbcForm> forms, std::vector<Column> announced)
      : ServerRowDecoder(std::move(announced)), forms_(std::move(forms)) {}

 private:
  bool DecodeValue(std::size_t i, std::string_view data, std::string* text, Value* value) const override;

  std::vector<OdbcForm> forms_;
};

/// What the readers of one look share.
using OdbcLook = ServerLook<OdbcSessions, OdbcPlace, KnownOdbcTable>;

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
  std::size_t page_rows_ = 0;            ///< Of the present page so far.
  std::vector<odbc::Parameter> behind_;  ///< Where the present page ends so far; none: it is the first.
};

/// The source's own rows of a table: how many. `where`: a condition over t.
absl::StatusOr<std::uint64_t> CountOdbcRows(const OdbcLook& look, const KnownOdbcTable& known,
                                            const std::string& where = "");

/// See SourceReader::LookAtColumn(). Where the database's order of the type is that of KeyPart, an index can
/// answer; of all others every value is read. Least, greatest and nulls may be of different moments.
absl::StatusOr<SourceReader::ColumnFacts> LookAtOdbcColumn(const std::shared_ptr<const OdbcLook>& look,
                                                           const std::shared_ptr<const KnownOdbcTable>& known,
                                                           std::uint32_t column);

/// See ReadKeyRows(): the rows of these keys, and others that the source's collations take for them, with the
/// columns `read`.
std::unique_ptr<ValueRows> RowsOfOdbcKeys(std::shared_ptr<const OdbcLook> look,
                                          std::shared_ptr<const KnownOdbcTable> known,
                                          std::vector<std::uint32_t> read, WantedKeys keys);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_ROWS_H_
