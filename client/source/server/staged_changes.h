#ifndef MIRROR_CLIENT_SOURCE_SERVER_STAGED_CHANGES_H_
#define MIRROR_CLIENT_SOURCE_SERVER_STAGED_CHANGES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/reader.h"
#include "client/source/server/stage.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// Turns texts of one table into the wire's rows, for one kind of source. Threads: one.
class StagedTexts {
 public:
  virtual ~StagedTexts() = default;
  /// Decodes the texts of some columns (indexes of the announced schema). The values view the texts and this
  /// object until the next call. kAborted: a value does not match its column's announcement; the source then
  /// takes a new look.
  virtual absl::StatusOr<std::vector<Value>> Decode(const std::vector<std::uint32_t>& columns,
                                                    const std::vector<SourceText>& texts) = 0;
  /// Decodes the key of a deleted row. Absent: a value does not match its column's announcement, so the
  /// mirror cannot have the row.
  virtual absl::StatusOr<std::optional<std::vector<Value>>> DecodeGone(
      const std::vector<std::uint32_t>& columns, const std::vector<SourceText>& texts) = 0;
  /// Returns the index of the announced column with this number in the source; absent: it is not announced.
  virtual std::optional<std::uint32_t> ColumnOf(std::int64_t number) const = 0;
  /// Applies the table's `where`, `hash` and `mask`. False: `where` leaves the row out. `values`: the whole
  /// row, by column. Only for a table with HasSteps().
  virtual bool HasSteps() const { return false; }
  virtual absl::StatusOr<bool> TakeSteps(std::vector<Value>* values) {
    (void)values;
    return true;
  }
  /// Does what TakeSteps() does, for the key of a deleted row. The other columns have no values, and `where`
  /// is not evaluated.
  virtual absl::Status TurnKey(std::vector<Value>* values) {
    (void)values;
    return absl::OkStatus();
  }

  /// Current rows of the source: all columns of each key that exists, in the order of `keys`.
  struct BaseRow {
    StagedKey key;
    std::vector<StagedValue> values;
  };
  struct BaseRows {
    std::vector<BaseRow> rows;
    /// A position at or before the moment of these rows: changes that they may lack are staged after it.
    std::int64_t from = 0;
  };
  /// Reads the current rows of these keys. Returns once everything committed before that reading is staged.
  virtual absl::StatusOr<BaseRows> ReadBase(const std::vector<StagedKey>& keys) = 0;
};

struct StagedAsk {
  std::int64_t table = 0;              ///< Its number in the stage.
  std::int64_t from = 0;               ///< Net rows after this position.
  Position target;                     ///< The stage has reached at least this position.
  TableSchema schema;                  ///< The last announcement.
  std::vector<std::uint32_t> columns;  ///< Columns to send.
  bool whole_rows = false;           ///< Also send rows that were only updated with all columns, as inserts.
  std::vector<StagedKey> also = {};  ///< Keys to send as the source has them now; requires `whole_rows`.
  /// A row first inserted after this LSN was never in the mirror: its delete is not counted in `planned`.
  std::int64_t mirrored_lsn = 0;
  /// View of the stage to read, at or after `target`. StagedTexts must then read no rows of a later moment.
  /// Null: read the present stage.
  std::shared_ptr<StageView> moment = nullptr;
};

/// Returns the net changes of one table from the stage, for SourceReader::Changes().
///
/// The changes are those up to one commit: `target` or a later one. Some rows have to be read in the source
/// and are newer than the others: rows of kMoved, and with `whole_rows` or steps also rows of kPart. Another
/// round with the changes staged meanwhile follows, until a round reads no rows in the source. After
/// kStagedRoundsMax rounds some rows may be newer. With `moment` there is only one round.
///
/// Deletes come first, except those that are only known after the source was read or the steps were applied.
/// The first piece has `planned`. Its deletes are expected ones, since the mirror may hold rows of an
/// interrupted sending. The delete of a row that was inserted and deleted since `mirrored_lsn` is sent and
/// not counted.
///
/// Errors: also kAborted: `from` is below the table's floor or the LSN of its emptying; or after
/// kStagedReadsMax readings of the source a row's values were still not known.
std::unique_ptr<ChangeReader> ReadStagedChanges(Stage& stage, std::unique_ptr<StagedTexts> texts,
                                                StagedAsk ask);

/// Returns all rows of a table that was emptied (StagedTable::truncated_lsn), for SourceReader::Read(). The
/// net rows since then are all its rows, so nothing is read in the source. Uses only `table`, `schema`,
/// `columns` and `moment` of `ask`. Errors: also kAborted: some of the rows are not staged.
std::unique_ptr<TableReader> ReadEmptiedTable(Stage& stage, std::unique_ptr<StagedTexts> texts,
                                              StagedAsk ask);

inline constexpr int kStagedRoundsMax = 20;
inline constexpr int kStagedReadsMax = 10;

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGED_CHANGES_H_
