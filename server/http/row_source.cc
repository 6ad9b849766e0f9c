#include "server/http/row_source.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/batch.h"
#include "proto/wire/key_part.h"
#include "server/store/exchanged_keys.h"
#include "server/store/version_reader.h"
#include "server/tenant/as_of.h"
#include "server/tenant/row_calls.h"

namespace mirror {
namespace {

/// Returns the number of the table's last commit; 0: commits have no number.
std::int64_t LastMoment(const CommittedReading& reading) {
  AsOf as_of;
  as_of.moment = kLastMoment;
  const absl::StatusOr<std::vector<JournalEntry>> commits =
      reading.snapshot->journal().FindCommits(reading.record.table, as_of);
  return commits.ok() && !commits->empty() ? commits->front().number : 0;
}

/// The most moments whose commits are remembered.
constexpr std::size_t kMomentsMax = 10'000;
/// Limit for one row: versions come newest first, and are read before the commits that wrote them.
constexpr std::size_t kVersionsOfRowBytesMax = 256U << 20;

/// These come after the table's own columns, in this order.
constexpr const char* kNumbers[] = {"from_moment", "to_moment", "from_lsn", "to_lsn", "from_ms", "to_ms"};
constexpr char kOperation[] = "operation";

Column ColumnBeside(const TableSchema& table, const std::string& name, Type type) {
  Column column;
  column.name = table.Find(name) ? "_mirror_" + name : name;
  column.type = type;
  column.nullable = true;
  return column;
}

TableSchema FormOf(const TableSchema& table) {
  TableSchema form = table;
  for (Column& column : form.columns) column.key_position = 0;
  for (const char* const name : kNumbers) form.columns.push_back(ColumnBeside(table, name, Type::kInt64));
  form.columns.push_back(ColumnBeside(table, kOperation, Type::kText));
  return form;
}

void AppendValue(const Value& value, ColumnBuffer* buffer) {
  switch (value.kind) {
    case Kind::kNull:
      buffer->AppendNull();
      return;
    case Kind::kInteger:
      buffer->AppendInt(value.integer);
      return;
    case Kind::kReal:
      buffer->AppendDouble(value.real);
      return;
    case Kind::kText:
    case Kind::kBlob:
    case Kind::kRawText:
      buffer->AppendBytes(value.bytes, value.kind);
  }
}

/// Appends the first `columns` of the table; those that the batch lacks are NULL.
void AppendRow(const ChangeBatch& batch, std::uint32_t row, std::size_t columns, RowBlock* block) {
  for (std::size_t i = 0; i < columns; ++i) {
    const ColumnView* const view = batch.Find(static_cast<std::uint32_t>(i));
    AppendValue(view == nullptr ? Value{} : view->At(row), &block->columns[i]);
  }
}

/// All kept versions of a table's rows, present ones included: its columns, then those of the view of all
/// versions: from_moment, to_moment, from_lsn, to_lsn, from_ms, to_ms, operation. If the table has a column
/// of that name, it gets the prefix `_mirror_`. In no order; there is no key.
class VersionRows final : public RowSource {
 public:
  VersionRows(CommittedReading reading, TableHistory history)
      : RowSource(std::move(reading)), history_(std::move(history)) {
    form_.table = FormOf(history_.schema);
    form_.position = reading_.record.position;
    form_.moment = LastMoment(reading_);
  }

  /// Reads rows with versions key by key, and the rows without versions between them.
  absl::Status Read(std::size_t block_bytes, const GoOn& go_on, const TakeRows& take) override {
    block_bytes_ = block_bytes;
    take_ = &take;
    block_ = RowBlock::ForAll(form_.table);
    Key behind;
    absl::Status status =
        versions().ReadTouchedKeys(history_, 0, INT64_MAX, go_on, [&](RowBlock* block) -> absl::Status {
          const std::vector<Key> keys = KeysOf(history_.schema, block);
          absl::Status read = ReadUntouched(std::exchange(behind, keys.back()), keys.back(), keys, go_on);
          for (const Key& key : keys) {
            if (!go_on()) return absl::CancelledError("the export was cancelled");
            if (read.ok()) read = ReadTouched(key);
          }
          return read;
        });
    if (status.ok()) status = ReadUntouched(behind, {}, {}, go_on);
    return status.ok() ? Give() : status;
  }

 private:
  VersionReader& versions() { return reading_.snapshot->versions(); }

  /// Reads rows from `first` to before `last`, without those of `touched`: each has one version only.
  absl::Status ReadUntouched(const Key& first, const Key& last, const std::vector<Key>& touched,
                             const GoOn& go_on) {
    std::set<Key> read(touched.begin(), touched.end());
    if (!first.empty()) read.insert(first);
    return reading_.snapshot->ReadRows(reading_.kept, reading_.kept.AllColumns(),
                                       {KeyRange{.first = first, .last = last}}, block_bytes_, go_on,
                                       [&](RowBlock* block) -> absl::Status {
                                         const ChangeBatch batch = ViewOf(reading_.kept, block);
                                         for (std::uint32_t row = 0; row < batch.row_count; ++row) {
                                           if (read.contains(KeyAt(reading_.kept, batch, row))) continue;
                                           RETURN_IF_ERROR(Add(batch, row, {}));
                                         }
                                         return absl::OkStatus();
                                       });
  }

  absl::Status ReadTouched(const Key& key) {
    std::vector<RowVersion> all;
    RowBlock rows = RowBlock::ForAll(history_.schema);
    absl::Status status = versions().ReadVersions(
        history_, key, [&](const RowVersion& version, RowBlock* row) -> absl::StatusOr<bool> {
          const ChangeBatch batch = ViewOf(history_.schema, row);
          AppendRow(batch, 0, rows.columns.size(), &rows);
          all.push_back(version);
          if (rows.bytes() <= kVersionsOfRowBytesMax) return true;
          return absl::ResourceExhaustedError(
              "a row has more than 256 MB of versions, too many for an export of all versions. Export "
              "the table as of moments, or shorten its history.");
        });
    const ChangeBatch batch = ViewOf(history_.schema, &rows);
    for (std::uint32_t i = 0; i < batch.row_count && status.ok(); ++i) status = Add(batch, i, all[i]);
    return status;
  }

  absl::Status Add(const ChangeBatch& batch, std::uint32_t row, const RowVersion& version) {
    const std::size_t own = history_.schema.columns.size();
    AppendRow(batch, row, own, &block_);
    ASSIGN_OR_RETURN(const std::optional<JournalCommit> from, CommitOf(version.from));
    ASSIGN_OR_RETURN(const std::optional<JournalCommit> to, CommitOf(version.until));
    AddNumber(own, version.from, version.from != 0);
    AddNumber(own + 1, version.until, version.until != 0);
    for (std::size_t i = 0; i < 2; ++i) {
      const std::optional<JournalCommit>& commit = i == 0 ? from : to;
      AddNumber(own + 2 + i, commit ? commit->position.lsn.value : 0, commit.has_value());
      AddNumber(own + 4 + i, commit ? commit->source_ms.value_or(commit->done_ms) : 0, commit.has_value());
    }
    ColumnBuffer& operation = block_.columns[own + 6];
    if (version.from == 0) {
      operation.AppendNull();
    } else {
      operation.AppendBytes(version.is_insert ? "INSERT" : "UPDATE");
    }
    return block_.bytes() < block_bytes_ ? absl::OkStatus() : Give();
  }

  void AddNumber(std::size_t column, std::int64_t number, bool is_known) {
    if (is_known) {
      block_.columns[column].AppendInt(number);
    } else {
      block_.columns[column].AppendNull();
    }
  }

  absl::Status Give() {
    if (block_.rows() == 0) return absl::OkStatus();
    absl::Status taken = (*take_)(&block_);
    block_ = RowBlock::ForAll(form_.table);
    return taken;
  }

  absl::StatusOr<std::optional<JournalCommit>> CommitOf(std::int64_t moment) {
    if (moment == 0) return std::nullopt;
    if (const auto known = commits_.find(moment); known != commits_.end()) return known->second;
    AsOf as_of;
    as_of.moment = moment;
    ASSIGN_OR_RETURN(std::vector<JournalEntry> found,
                     reading_.snapshot->journal().FindCommits(history_.schema.name, as_of));
    std::optional<JournalCommit> commit;
    if (!found.empty() && found.front().number == moment) commit = std::move(found.front().commit);
    if (commits_.size() >= kMomentsMax) commits_.clear();
    return commits_[moment] = std::move(commit);
  }

  const TableHistory history_;
  std::size_t block_bytes_ = 0;
  const TakeRows* take_ = nullptr;
  RowBlock block_;
  std::map<std::int64_t, std::optional<JournalCommit>> commits_;
};

/// A table in its last committed state.
class PresentRows final : public RowSource {
 public:
  explicit PresentRows(CommittedReading reading) : RowSource(std::move(reading)) {
    form_.table = reading_.kept;
    form_.position = reading_.record.position;
    form_.rows = reading_.record.row_count;
    form_.moment = LastMoment(reading_);
  }

  absl::Status Read(std::size_t block_bytes, const GoOn& go_on, const TakeRows& take) override {
    return reading_.snapshot->ReadRows(form_.table, form_.table.AllColumns(), {}, block_bytes, go_on, take);
  }
};

/// A table in the state after one of its former commits.
class FormerRows final : public RowSource {
 public:
  FormerRows(CommittedReading reading, TableHistory history, const FoundMoment& found)
      : RowSource(std::move(reading)), history_(std::move(history)), moment_(found.moment) {
    form_.table = history_.schema;
    for (Column& column : form_.table.columns) column.nullable = column.key_position == 0;
    form_.moment = moment_;
    if (!found.commit.commit) return;
    form_.position = found.commit.commit->position;
    form_.rows = found.commit.commit->row_count;
  }

  absl::Status Read(std::size_t block_bytes, const GoOn& go_on, const TakeRows& take) override {
    return reading_.snapshot->versions().ReadRowsAsOf(history_, moment_, form_.table.AllColumns(), {},
                                                      block_bytes, go_on, take);
  }

 private:
  const TableHistory history_;
  const std::int64_t moment_;
};

absl::Status CheckWish(const RowsWish& wish) {
  if (wish.history && !wish.as_of.empty()) {
    return absl::InvalidArgumentError(
        "both 'history' and 'as_of' are set. Nothing was read. Ask for the history, or for one time.");
  }
  if (wish.as_of.size() > kAsOfBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("'as_of' is over ", kAsOfBytesMax, " bytes. Nothing was read. Give a time or an LSN."));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<RowSource>> OpenRows(Readings& readings, const RowsWish& wish) {
  RETURN_IF_ERROR(CheckWish(wish));
  ASSIGN_OR_RETURN(CommittedReading reading, readings.ReadCommitted(wish.table, ReadingKind::kExport));
  if (wish.history || !wish.as_of.empty()) {
    ASSIGN_OR_RETURN(TableHistory history, FindTableHistory(*reading.snapshot, wish.table));
    if (wish.history) return std::make_unique<VersionRows>(std::move(reading), std::move(history));
    ASSIGN_OR_RETURN(const FoundMoment found, FindMoment(*reading.snapshot, history, wish.as_of));
    return std::make_unique<FormerRows>(std::move(reading), std::move(history), found);
  }
  return std::make_unique<PresentRows>(std::move(reading));
}

}  // namespace mirror
