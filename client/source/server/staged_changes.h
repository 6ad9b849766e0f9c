#ifndef MIRROR_CLIENT_SOURCE_SERVER_STAGED_CHANGES_H_
#define MIRROR_CLIENT_SOURCE_SERVER_STAGED_CHANGES_H_

#include <cstdint>
#include <functional>
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

/// What the stage needs to know of a kind of source to make the wire's rows of a table from its texts.
/// Threads: one.
class StagedTexts {
 public:
  virtual ~StagedTexts() = default;
  /// Of the texts of some columns (indexes of the announced schema) their values, which view the texts and
  /// this up to the next call. kAborted: a value is not as its column was announced, and the source looks
  /// anew.
  virtual absl::StatusOr<std::vector<Value>> Decode(const std::vector<std::uint32_t>& columns,
                                                    const std::vector<SourceText>& texts) = 0;
  /// The same of the key of a row that is gone. Absent: a value is not as its column was announced, so the
  /// mirror cannot have the row.
  virtual absl::StatusOr<std::optional<std::vector<Value>>> DecodeGone(
      const std::vector<std::uint32_t>& columns, const std::vector<SourceText>& texts) = 0;
  /// The index of the announced column with this number in the source; absent: it is not announced.
  virtual std::optional<std::uint32_t> ColumnOf(std::int64_t number) const = 0;
  /// `where`, `hash` and `mask` of the table: false: the row is left out. `values`: whole, by column. Only of
  /// a table with HasSteps().
  virtual bool HasSteps() const { return false; }
  virtual absl::StatusOr<bool> TakeSteps(std::vector<Value>* values) {
    (void)values;
    return true;
  }
  /// The same of a row that is gone: only its key has values, and `where` is not asked.
  virtual absl::Status TurnKey(std::vector<Value>* values) {
    (void)values;
    return absl::OkStatus();
  }

  /// Rows as they are in the source now: of each key that is there all columns, in the order of `keys`.
  struct BaseRow {
    StagedKey key;
    std::vector<StagedValue> values;
  };
  struct BaseRows {
    std::vector<BaseRow> rows;
    /// A position at or before the moment of these rows: all that they may lack is staged behind it.
    std::int64_t from = 0;
  };
  /// Returns when all that was committed before those rows were read is staged.
  virtual absl::StatusOr<BaseRows> ReadBase(const std::vector<StagedKey>& keys) = 0;
};

struct StagedAsk {
  std::int64_t table = 0;              ///< In the stage.
  std::int64_t from = 0;               ///< Net rows behind this position.
  Position target;                     ///< To which the stage has come at least.
  TableSchema schema;                  ///< As it was announced.
  std::vector<std::uint32_t> columns;  ///< Those that are sent.
  bool whole_rows = false;             ///< Also rows that were only updated go with all columns, as inserts.
  std::vector<StagedKey> also = {};    ///< Sent as the source has them; goes with `whole_rows`.
  /// Born behind this: the mirror never had the row, so its delete is not counted in `planned`.
  std::int64_t mirrored_lsn = 0;
  /// Instead of the stage as it is: as it was at a moment, at or behind `target`; the rows that StagedTexts
  /// reads are then none of a later one. Null: there is none.
  std::shared_ptr<StageView> moment = nullptr;
};

/// The net changes of one table from the stage, for SourceReader::Changes().
///
/// All of it is as it was at one commit, which is `target` or a later one. Where rows have to be read in the
/// source (kMoved; with `whole_rows` or steps also kPart), which are newer than the others, another round
/// follows with what was staged meanwhile, until one needs none of them; after kStagedRoundsMax rounds some
/// rows may be newer. Of a moment there is one round, and a row that moved behind the one at which the source
/// is read is kAborted.
///
/// Deletes come before all others, but for those of which only the source, or the steps, can tell. The first
/// piece has `planned`; its deletes are expected ones, since the mirror may hold what an interrupted sending
/// brought it. A delete of a row that came and went since `mirrored_lsn` is sent and not counted.
///
/// Errors: also kAborted: `from` is below the table's floor or behind which it was emptied, or a row that has
/// to be in the source was not there in kStagedReadsMax readings.
std::unique_ptr<ChangeReader> ReadStagedChanges(Stage& stage, std::unique_ptr<StagedTexts> texts,
                                                StagedAsk ask);

/// All rows of a table that was emptied (StagedTable::truncated_lsn), for SourceReader::Read(): the net rows
/// from there on are all that there are, so nothing is read in the source. Of `ask` only table, schema and
/// columns count. Errors: also kAborted: the stage does not have all of them.
std::unique_ptr<TableReader> ReadEmptiedTable(Stage& stage, std::unique_ptr<StagedTexts> texts,
                                              StagedAsk ask);

inline constexpr int kStagedRoundsMax = 20;
inline constexpr int kStagedReadsMax = 10;

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGED_CHANGES_H_
