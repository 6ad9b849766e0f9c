#include "client/source/capture/capture_reader.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "client/source/capture/capture_look.h"
#include "client/source/capture/delete_feed.h"
#include "client/source/capture/noted_changes.h"
#include "client/source/capture/shown_value.h"
#include "client/source/sqlite/log/block_digests.h"
#include "proto/wire/row_digest.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

/// Adds a note about rows that share a key, unless they are older versions.
void NoteTwice(SourceReader& reader, const std::string& table, const CaptureLook::Found& found,
               std::vector<std::string>* notes) {
  if (found.twice == 0 || reader.RepeatedKeysOf(table) == RepeatedKeys::kVersions) return;
  const std::vector<std::string> places = reader.PlacesOf(table, found.twice_keys);
  std::string named;
  if (!places.empty()) {
    named = absl::StrCat(" (", absl::StrJoin(places, ", "), found.twice > places.size() ? ", ..." : "", ")");
  }
  notes->push_back(absl::StrCat("table '", table, "': ", Counted(found.twice, "row"),
                                found.twice == 1 ? " has" : " have", " the key of another row", named,
                                "; only the first row of each key is mirrored"));
}

/// Reads all rows of a table in which some rows share a key, and gives each key once. `keys` are the keys of
/// the source itself, in order, each once. The remembered keys are not used: those of a table read in parts
/// are incomplete.
class RowsOnce : public TableReader {
 public:
  RowsOnce(SourceReader& inner, std::string table, std::unique_ptr<DigestReader> keys,
           std::vector<std::uint32_t> columns)
      : inner_(inner), table_(std::move(table)), keys_(std::move(keys)), columns_(std::move(columns)) {}

  absl::StatusOr<bool> Next(const BlockSize& size, RowBlock* block, LargeSink* sink) override {
    while (rows_ == nullptr) {
      if (at_end_) return false;
      const absl::StatusOr<DigestPiece> piece = keys_->Next(inner_.KeysAtATime(), /*each=*/true);
      if (!piece.ok()) return piece.status();
      at_end_ = piece->end;
      std::vector<Key> keys;
      for (const auto& [key, digest] : piece->rows) keys.push_back(key);
      if (keys.empty()) continue;
      ASSIGN_OR_RETURN(rows_, inner_.RowsOf(table_, columns_, std::move(keys)));
    }
    ASSIGN_OR_RETURN(ChangePiece piece, rows_->Next(size, sink));
    if (piece.last) rows_.reset();
    for (ChangeBlock& one : piece.blocks) {
      if (one.operation == Operation::kInsert) *block = std::move(one.rows);
    }
    return true;
  }

 private:
  SourceReader& inner_;
  const std::string table_;
  const std::unique_ptr<DigestReader> keys_;  ///< In order, each once.
  const std::vector<std::uint32_t> columns_;
  bool at_end_ = false;
  std::unique_ptr<ChangeReader> rows_;
};

/// Reads all rows of a table that has no records yet, and records the rows. Gives each key once.
class RowsLookedAt : public TableReader {
 public:
  RowsLookedAt(SourceReader& reader, std::unique_ptr<TableReader> inner, std::unique_ptr<CaptureLook> look,
               const TableSchema& schema, bool by_column)
      : reader_(reader),
        inner_(std::move(inner)),
        look_(std::move(look)),
        schema_(schema),
        keyed_(!schema_.Key().empty()),
        by_column_(by_column) {}

  absl::StatusOr<bool> Next(const BlockSize& size, RowBlock* block, LargeSink* sink) override {
    const absl::StatusOr<bool> more = inner_->Next(size, block, sink);
    if (!more.ok()) return more;
    RETURN_IF_ERROR(Take(block));
    if (*more) return true;
    RETURN_IF_ERROR(End());
    return false;
  }
  absl::StatusOr<Position> Seal(const Position& target) override { return inner_->Seal(target); }
  std::vector<std::string> Notes() override { return std::move(notes_); }

 private:
  absl::Status Take(RowBlock* block) {
    BlockDigests rows(schema_, *block, by_column_);
    std::set<std::size_t> twice;
    for (std::size_t row = 0; rows.Next(); ++row) {
      // A long value is not in the digest, so the next look, which reads it, sends the row once more.
      all_.Add(rows.whole() ? rows.digest() : 0);
      if (!keyed_) continue;
      const std::uint64_t before = look_->found().twice;
      const absl::Status added =
          rows.whole() ? look_->Add(rows.key(), rows.digest(), rows.hashes()) : look_->Add(rows.key(), 0);
      if (!added.ok()) return added;
      if (look_->found().twice > before) twice.insert(row);
    }
    if (!twice.empty()) *block = WithoutRows(schema_, *block, twice);
    return absl::OkStatus();
  }

  absl::Status End() {
    notes_ = inner_->Notes();
    if (!keyed_) RETURN_IF_ERROR(look_->AddAll(all_.rows, all_.sum));
    const auto found =
        look_->End(inner_->partial() ? CaptureLook::Others::kStay : CaptureLook::Others::kGone);
    if (found.ok()) NoteTwice(reader_, schema_.name, *found, &notes_);
    return found.status();
  }

  SourceReader& reader_;
  const std::unique_ptr<TableReader> inner_;
  std::unique_ptr<CaptureLook> look_;
  const TableSchema schema_;
  const bool keyed_, by_column_;
  RangeDigest all_;
  std::vector<std::string> notes_;
};

constexpr std::size_t kDigestsAtATime = 20'000;
/// Maximum number of looks if tables change while they are read.
constexpr int kLooks = 4;

absl::StatusOr<std::uint32_t> ColumnOf(const TableSchema& schema, const CaptureRule& rule) {
  if (rule.how == Strategy::kSynthetic) return 0U;
  const std::string strategy = ToString(rule.how);
  if (schema.Key().empty()) {
    return absl::InvalidArgumentError(absl::StrCat("table '", schema.name, "' has no key, which strategy \"",
                                                   strategy, "\" needs: use \"synthetic\""));
  }
  const std::optional<std::uint32_t> column = schema.Find(rule.column);
  if (column) return *column;
  return absl::InvalidArgumentError(absl::StrCat("table '", schema.name, "' has no column '", rule.column,
                                                 "', which strategy \"", strategy,
                                                 "\" needs to find what changed"));
}

class CaptureReader : public SourceReader {
 public:
  CaptureReader(CaptureSources sources, CaptureState& state, CaptureRules rules,
                std::function<bool(const std::string&)> never_sent)
      : inner_(std::move(sources.inner)),
        others_(std::move(sources.others)),
        feeds_(std::move(sources.feeds)),
        state_(state),
        rules_(std::move(rules)),
        never_sent_(std::move(never_sent)) {}

  SourceMark Mark() const override { return others_ == nullptr ? inner_->Mark() : others_->Mark(); }

  absl::StatusOr<std::vector<std::string>> TableNames() override {
    absl::StatusOr<std::vector<std::string>> names = inner_->TableNames();
    if (!names.ok() || others_ == nullptr) return names;
    ASSIGN_OR_RETURN(const std::vector<std::string> more, others_->TableNames());
    names->insert(names->end(), more.begin(), more.end());
    return names;
  }

  absl::StatusOr<SourceSchema> Schema() override {
    absl::StatusOr<SourceSchema> schema = Look(/*last=*/false);
    for (int look = 2; look <= kLooks && absl::IsAborted(schema.status()); ++look)
      schema = Look(look == kLooks);
    return schema;
  }

  absl::Status TakeLook(const std::string& table) override {
    const auto due = due_.find(FoldName(table));
    if (due == due_.end()) return absl::OkStatus();
    Due first = std::move(due->second);
    due_.erase(due);
    std::vector<std::string> notes;
    const CaptureRule& rule = *rules_.Find(table);
    ASSIGN_OR_RETURN(const CaptureState::Table known, Prepare(first.source, rule));
    return Capture(first.source, rule, known, first.run, &notes);
  }

  absl::StatusOr<std::uint64_t> CountRows(const std::string& table) override {
    return ReaderOf(table).CountRows(table);
  }
  absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                    const std::vector<std::uint32_t>& columns) override {
    if (const auto due = due_.find(FoldName(table)); due != due_.end()) {
      if (columns == due->second.source.schema.AllColumns()) {
        const Due first = std::move(due->second);
        due_.erase(due);
        return ReadAndLook(first, columns);
      }
      // Not all columns of the digests are read: take the look now, before the rows are read.
      RETURN_IF_ERROR(TakeLook(table));
    }
    ASSIGN_OR_RETURN(const bool twice, HasKeysTwice(table));
    if (twice) {
      ASSIGN_OR_RETURN(std::unique_ptr<DigestReader> keys, inner_->Digests(table, FindSchema(table)->Key()));
      return std::make_unique<RowsOnce>(*inner_, table, std::move(keys), columns);
    }
    return ReaderOf(table).Read(table, columns);
  }
  absl::StatusOr<std::unique_ptr<DigestReader>> Digests(const std::string& table,
                                                        const std::vector<std::uint32_t>& columns) override {
    const RepeatedKeys repeated = inner_->RepeatedKeysOf(table);
    const bool first_counts = repeated == RepeatedKeys::kFirst || repeated == RepeatedKeys::kVersions;
    if (rules_.Find(table) != nullptr && !first_counts) {
      ASSIGN_OR_RETURN(const bool twice, HasKeysTwice(table));
      if (twice) {
        return absl::FailedPreconditionError(
            absl::StrCat("several rows of table '", table,
                         "' have the same key, so it is not known which of them the mirror should have: "
                         "correct 'key' of its [[source.table]]"));
      }
    }
    return ReaderOf(table).Digests(table, columns);
  }
  absl::StatusOr<std::unique_ptr<ChangeReader>> RowsOf(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       std::vector<Key> keys) override {
    return ReaderOf(table).RowsOf(table, columns, std::move(keys));
  }
  std::size_t KeysAtATime() const override { return inner_->KeysAtATime(); }
  void Forget(const std::string& table) override { ReaderOf(table).Forget(table); }
  bool HoldsLog(bool closed_later) const override {
    // The reader's snapshot stays open, whatever table is read.
    return inner_->HoldsLog(false) || (others_ != nullptr && others_->HoldsLog(closed_later));
  }
  absl::StatusOr<bool> HoldMoment(bool with_changes) override {
    return others_ != nullptr ? others_->HoldMoment(with_changes) : inner_->HoldMoment(with_changes);
  }
  void LeaveMoment() override {
    for (SourceReader* const one : {inner_.get(), others_.get(), feeds_.get()}) {
      if (one != nullptr) one->LeaveMoment();
    }
  }

  absl::StatusOr<std::unique_ptr<ChangeReader>> Changes(const std::string& table, Lsn from,
                                                        const std::vector<std::uint32_t>& columns,
                                                        bool whole_rows, bool count_all,
                                                        std::vector<Key> also) override {
    const CaptureRule* const rule = rules_.Find(table);
    if (rule == nullptr) {
      return ReaderOf(table).Changes(table, from, columns, whole_rows, count_all, std::move(also));
    }
    const TableSchema* const schema = FindSchema(table);
    ASSIGN_OR_RETURN(std::optional<CaptureState::Table> captured, state_.Find(table));
    if (schema == nullptr || !captured) {
      return absl::NotFoundError(absl::StrCat("the source has no table '", table, "'"));
    }
    return ReadNotedChanges(*inner_, state_, *std::move(captured), *schema, columns, from.value, whole_rows,
                            *rule, std::move(also));
  }

 private:
  /// A table whose first look has not been taken yet.
  struct Due {
    SourceTable source;
    std::int64_t run = 0;
  };

  absl::StatusOr<std::unique_ptr<TableReader>> ReadAndLook(const Due& due,
                                                           const std::vector<std::uint32_t>& columns) {
    const TableSchema& schema = due.source.schema;
    const CaptureRule& rule = *rules_.Find(schema.name);
    ASSIGN_OR_RETURN(const CaptureState::Table table, Prepare(due.source, rule));
    absl::StatusOr<std::unique_ptr<TableReader>> rows = inner_->Read(schema.name, columns);
    if (!rows.ok()) return rows;
    ASSIGN_OR_RETURN(std::unique_ptr<CaptureLook> look, CaptureLook::Begin(state_, table, due.run));
    return std::make_unique<RowsLookedAt>(*inner_, *std::move(rows), std::move(look), schema,
                                          table.by_column);
  }

  absl::StatusOr<CaptureState::Table> Prepare(const SourceTable& source, const CaptureRule& rule) {
    const TableSchema& schema = source.schema;
    const bool by_column = rule.by_column && !schema.Key().empty();
    return state_.Prepare(schema.name, WriteCaptureForm(schema, rule, source.steps), schema.Key().size(),
                          by_column);
  }

  /// Whether the first look at a table can wait until its rows are sent.
  bool CanWait(const CaptureState::Table& table, const CaptureRule& rule) const {
    return never_sent_ && rule.how == Strategy::kSynthetic && table.looked_ms == 0 && never_sent_(table.name);
  }

  /// Takes one look at all tables. Errors: kAborted: a table changed meanwhile. `last`: such a table only
  /// gets a problem.
  absl::StatusOr<SourceSchema> Look(bool last) {
    // Read the feeds first: the rows must not be older than the feed that reports their deletes.
    if (feeds_ != nullptr) {
      absl::StatusOr<SourceSchema> feeds = feeds_->Schema();
      if (!feeds.ok()) return feeds;
      feed_schema_ = *std::move(feeds);
    }
    absl::StatusOr<SourceSchema> schema = inner_->Schema();
    if (!schema.ok()) return schema;
    if (others_ != nullptr) {
      absl::StatusOr<SourceSchema> others = others_->Schema();
      if (!others.ok()) return others;
      // Both report the same blocked tables and idle patterns.
      std::move(others->tables.begin(), others->tables.end(), std::back_inserter(schema->tables));
      std::move(others->refused.begin(), others->refused.end(), std::back_inserter(schema->refused));
      std::move(others->notes.begin(), others->notes.end(), std::back_inserter(schema->notes));
    }
    schemas_.clear();
    twice_.clear();
    due_.clear();
    ASSIGN_OR_RETURN(const std::int64_t run, state_.BeginRun());
    for (SourceTable& table : schema->tables) {
      const CaptureRule* const rule = rules_.Find(table.schema.name);
      if (!table.problem.empty() || rule == nullptr) continue;
      schemas_.push_back(table.schema);
      if (!table.later.empty()) {
        schema->notes.push_back(table.later);
        continue;
      }
      const absl::StatusOr<CaptureState::Table> known = Prepare(table, *rule);
      if (known.ok() && CanWait(*known, *rule)) {
        due_[FoldName(table.schema.name)] = {table, run};
        continue;
      }
      const absl::Status captured =
          known.ok() ? Capture(table, *rule, *known, run, &schema->notes) : known.status();
      if (captured.ok()) continue;
      // The error concerns the source or the state as a whole.
      if (absl::IsUnavailable(captured) || absl::IsDataLoss(captured)) return captured;
      const bool moved = absl::IsAborted(captured);
      if (moved && !last) return captured;
      table.problem = std::string(captured.message());
      if (!moved) continue;
      absl::StrAppend(&table.problem, "; the same happened in each of ", kLooks,
                      " attempts. Nothing of the table is sent, and the mirror keeps its rows. Run again "
                      "when the source is quiet");
    }
    return schema;
  }

  absl::Status Capture(SourceTable& source, const CaptureRule& rule, const CaptureState::Table& table,
                       std::int64_t run, std::vector<std::string>* notes) {
    const TableSchema& schema = source.schema;
    ASSIGN_OR_RETURN(const std::uint32_t column, ColumnOf(schema, rule));
    ASSIGN_OR_RETURN(const std::unique_ptr<CaptureLook> look, CaptureLook::Begin(state_, table, run));
    Taken taken{schema, rule, *look, notes, schema.columns[column], table.by_column};
    // Take deletes first: a row that exists afterwards was inserted again.
    absl::Status status;
    if (rule.deletes_from) {
      status = TakeDeletes(*rule.deletes_from, *feeds_, feed_schema_, {source, *inner_}, table, *look, notes);
      inner_->LeaveCopies();
    }
    if (!status.ok()) return status;
    switch (rule.how) {
      case Strategy::kSynthetic:
      case Strategy::kCdc:
      case Strategy::kPopulate:
        status = TakeAll(taken);
        break;
      case Strategy::kWatermark:
      case Strategy::kWatermarkCdc:
        status = TakeBehindWatermark(rule, column, table, taken);
        break;
      case Strategy::kWindow:
        status = TakeWindow(rule, column, table, taken);
        break;
    }
    if (!status.ok()) return status;
    source.unreadable = taken.unreadable || taken.partial;
    using Others = CaptureLook::Others;
    ASSIGN_OR_RETURN(const CaptureLook::Found found, look->End(!rule.SeesDeletes() ? Others::kForget
                                                               : taken.partial     ? Others::kStay
                                                                                   : Others::kGone));
    if (found.twice > 0) twice_.insert(schema.name);
    NoteTwice(*inner_, schema.name, found, notes);
    return absl::OkStatus();
  }

  /// Returns the schema of a captured table; null: it is not captured.
  const TableSchema* FindSchema(const std::string& table) const {
    const auto schema = std::find_if(schemas_.begin(), schemas_.end(),
                                     [&](const TableSchema& known) { return SameName(known.name, table); });
    return schema == schemas_.end() ? nullptr : &*schema;
  }

  absl::StatusOr<bool> HasKeysTwice(const std::string& table) {
    if (twice_.contains(table)) return true;
    const CaptureRule* const rule = rules_.Find(table);
    const TableSchema* const schema = FindSchema(table);
    // A look at all rows would have found rows that share a key.
    if (rule == nullptr || rule->how == Strategy::kSynthetic || schema == nullptr ||
        inner_->RepeatedKeysOf(table) == RepeatedKeys::kNever) {
      return false;
    }
    ASSIGN_OR_RETURN(const std::unique_ptr<DigestReader> keys, inner_->Digests(table, schema->Key()));
    std::uint64_t different = 0;
    for (bool end = false; !end;) {
      const absl::StatusOr<DigestPiece> piece = keys->Next(kDigestsAtATime, /*each=*/false);
      if (!piece.ok()) return piece.status();
      different += piece->digest.rows;
      end = piece->end;
    }
    ASSIGN_OR_RETURN(const std::uint64_t rows, inner_->CountRows(table));
    return different < rows;
  }

  SourceReader& ReaderOf(const std::string& table) {
    return others_ == nullptr || rules_.Find(table) != nullptr ? *inner_ : *others_;
  }

  /// The subject of a look at one table.
  struct Taken {
    const TableSchema& schema;
    const CaptureRule& rule;
    CaptureLook& look;
    std::vector<std::string>* notes;
    const Column& by;  ///< The column that shows changes, unless all rows are read.
    bool by_column = false;
    bool unreadable = false;  ///< Some rows have a key that can be read, but other values that cannot.
    bool partial = false;     ///< Some rows have a key that cannot be read.
    KeyPart greatest = {};    ///< In shown form.
  };

  /// Takes all rows that `rows` gives into the look.
  absl::Status Take(DigestReader& rows, Taken& taken, bool only_keys = false) {
    const bool keyed = !taken.schema.Key().empty();
    RangeDigest all;
    for (bool end = false; !end;) {
      ASSIGN_OR_RETURN(const DigestPiece piece, rows.Next(kDigestsAtATime, keyed));
      end = piece.end;
      all.Add(piece.digest);
      for (std::size_t i = 0; i < piece.rows.size(); ++i) {
        const auto& [key, digest] = piece.rows[i];
        RETURN_IF_ERROR(CheckKey(key, taken.schema.name));
        absl::Status added = only_keys ? taken.look.Learn(key)
                             : taken.by_column && i < piece.by_column.size()
                                 ? taken.look.Add(key, digest, piece.by_column[i])
                                 : taken.look.Add(key, digest);
        if (!added.ok()) return added;
      }
      taken.unreadable = taken.unreadable || !piece.untold.empty();
      for (const Key& untold : piece.untold) {
        RETURN_IF_ERROR(taken.look.Keep(untold, !taken.rule.SeesDeletes()));
      }
      taken.partial = taken.partial || piece.partial;
      if (piece.greatest.kind != Kind::kNull) taken.greatest = ShownValue(taken.by, piece.greatest);
      if (!only_keys) taken.notes->insert(taken.notes->end(), piece.notes.begin(), piece.notes.end());
    }
    return keyed ? absl::OkStatus() : taken.look.AddAll(all.rows, all.sum);
  }

  /// Checks that a key has no NULL. Otherwise the next look announces the column as nullable.
  absl::Status CheckKey(const Key& key, const std::string& table) {
    const bool whole =
        std::none_of(key.begin(), key.end(), [](const KeyPart& part) { return part.kind == Kind::kNull; });
    if (whole) return absl::OkStatus();
    inner_->Forget(table);
    return absl::AbortedError(absl::StrCat("table '", table, "' has a row without a value in its key"));
  }

  absl::Status TakeAll(Taken& taken) {
    const auto rows = taken.by_column ? inner_->ScanByColumn(taken.schema.name, taken.schema.AllColumns())
                                      : inner_->Scan(taken.schema.name, taken.schema.AllColumns());
    return rows.ok() ? Take(**rows, taken) : rows.status();
  }

  /// Takes the rows within a bound, which is in shown form.
  absl::Status TakeFrom(RowBound bound, Taken& taken) {
    absl::StatusOr<KeyPart> from = GivenValue(taken.by, std::move(bound.from));
    if (!from.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "table '", taken.schema.name, "': the value from which its changes are read is ",
          from.status().message(),
          ". Nothing of it was sent. Name another column in 'watermark', or set a valid pointer with "
          "'mirror-agent pointers --set'"));
    }
    bound.from = *std::move(from);
    bound.by_column = taken.by_column;
    ASSIGN_OR_RETURN(const auto rows, inner_->ScanFrom(taken.schema.name, taken.schema.AllColumns(), bound));
    RETURN_IF_ERROR(Take(*rows, taken));
    // A strategy that reads all keys finds by them the rows that are left out.
    return taken.rule.filtered && !taken.rule.SeesDeletes() ? TakeLeftOut(bound, taken) : absl::OkStatus();
  }

  /// Takes the rows that do not match `where` (any more).
  absl::Status TakeLeftOut(RowBound bound, Taken& taken) {
    std::vector<std::uint32_t> columns = taken.schema.Key();
    if (std::find(columns.begin(), columns.end(), bound.column) == columns.end())
      columns.push_back(bound.column);
    bound.left_out = true;
    bound.by_column = false;
    ASSIGN_OR_RETURN(const auto rows, inner_->ScanFrom(taken.schema.name, columns, bound));
    for (bool end = false; !end;) {
      const absl::StatusOr<DigestPiece> piece = rows->Next(kDigestsAtATime, /*each=*/true);
      if (!piece.ok()) return piece.status();
      end = piece->end;
      for (const auto& [key, digest] : piece->rows) {
        absl::Status left_out = CheckKey(key, taken.schema.name);
        if (left_out.ok()) left_out = taken.look.LeaveOut(key);
        if (!left_out.ok()) return left_out;
      }
      // The next look need not meet these rows again. But a text cannot be compared with a number.
      const bool same_kind = IsNumber(piece->greatest) == IsNumber(bound.from);
      const KeyPart greatest = ShownValue(taken.by, piece->greatest);
      if (greatest.kind != Kind::kNull && same_kind && IsBelow(taken.by, taken.greatest, greatest))
        taken.greatest = greatest;
    }
    return absl::OkStatus();
  }

  absl::Status TakeBehindWatermark(const CaptureRule& rule, std::uint32_t column,
                                   const CaptureState::Table& table, Taken& taken) {
    ASSIGN_OR_RETURN(const SourceReader::ColumnFacts facts, LookAtShownColumn(taken, column));
    const bool first = table.pointer.kind == Kind::kNull;
    KeyPart pointer = first ? facts.greatest : table.pointer;
    // A population sends all rows that exist at the first look, so that look need not read them. But rows
    // inserted after a look that saw no value, and rows that may become readable later, must be read: from
    // the beginning.
    if (first && (table.looked_ms > 0 || facts.unreadable) && pointer.kind != Kind::kNull)
      pointer = BeforeAll();
    // Rows were deleted, or the source was restored: later values may be lower than earlier ones. With
    // `where`, the greatest value of the rows that do not match is not known.
    const bool fell = facts.greatest.kind != Kind::kNull && IsBelow(taken.by, facts.greatest, pointer);
    if (fell && !rule.filtered) {
      pointer = facts.greatest;
      // Rows up to that value were met by earlier looks, but are not remembered.
      if (!rule.SeesDeletes()) taken.look.SetQuiet();
    }
    absl::Status status;
    if (rule.SeesDeletes() && first) {
      status = TakeAll(taken);
    } else if (pointer.kind != Kind::kNull) {
      status = TakeFrom(
          {column, rule.SeesDeletes() ? CutPointer(taken.by, pointer, rule.precision) : pointer}, taken);
    }
    if (!status.ok()) return status;
    if (rule.SeesDeletes() && !first) {
      ASSIGN_OR_RETURN(const auto keys, inner_->Scan(taken.schema.name, taken.schema.Key()));
      if (status = Take(*keys, taken, /*only_keys=*/true); !status.ok()) return status;
    }
    // A row whose key cannot be read may have any value. It must be met once it can be read.
    if (taken.partial) {
      taken.look.SetPointer(KeyPart());
      return absl::OkStatus();
    }
    const bool grew = taken.greatest.kind != Kind::kNull && IsBelow(taken.by, pointer, taken.greatest);
    taken.look.SetPointer(grew ? taken.greatest : pointer);
    return absl::OkStatus();
  }

  absl::Status TakeWindow(const CaptureRule& rule, std::uint32_t column, const CaptureState::Table& table,
                          Taken& taken) {
    ASSIGN_OR_RETURN(const SourceReader::ColumnFacts facts, LookAtShownColumn(taken, column));
    const std::int64_t now_ms = NowMs();
    if (table.looked_ms > 0 && now_ms - table.looked_ms > rule.window_ms) {
      taken.notes->push_back(
          absl::StrCat("table '", taken.schema.name,
                       "': its last reading is longer ago than its window, so changes in between may be "
                       "missed. Send the whole table with --repopulate, and make the window longer than any "
                       "pause between runs"));
    }
    if (facts.greatest.kind == Kind::kNull) return absl::OkStatus();
    const bool numbers = IsNumber(facts.greatest) || taken.by.type == Type::kDecimal;
    if (rule.time && (*rule.time == TimeFormat::kIso) == numbers) {
      return absl::InvalidArgumentError(absl::StrCat(
          "table '", taken.schema.name, "': the greatest value of '", taken.schema.columns[column].name,
          "' is ", numbers ? "a number" : "a text", ", but its [[source.table]] has 'time' = \"",
          ToString(*rule.time), "\": set 'time' to what the column holds"));
    }
    const KeyPart begin = BeginOfWindow(rule, numbers, now_ms);
    const auto note = [&](const std::string& words) {
      taken.notes->push_back(absl::StrCat("table '", taken.schema.name, "': ", words));
    };
    const std::string& name = taken.schema.columns[column].name;
    if (begin.kind == Kind::kText && !(LooksLikeADay(facts.least) && LooksLikeADay(facts.greatest))) {
      note(absl::StrCat("'", name,
                        "', by which its changes are found, has values that do not begin like 2024-05-01: "
                        "changes of such rows are missed, or the rows always count as new"));
    } else if (IsBelow(taken.by, facts.greatest, begin)) {
      note(absl::StrCat("no value of '", name, "' is within the window: no row of the table is read"));
    }
    return TakeFrom({column, begin}, taken);
  }

  /// Returns ColumnFacts with values in shown form.
  absl::StatusOr<SourceReader::ColumnFacts> LookAtShownColumn(const Taken& taken, std::uint32_t column) {
    absl::StatusOr<SourceReader::ColumnFacts> facts = inner_->LookAtColumn(taken.schema.name, column);
    if (!facts.ok()) return facts;
    facts->least = ShownValue(taken.by, std::move(facts->least));
    facts->greatest = ShownValue(taken.by, std::move(facts->greatest));
    if (!facts->trouble.empty() && taken.rule.how != Strategy::kWindow) {
      return absl::FailedPreconditionError(
          absl::StrCat("table '", taken.schema.name, "': column '", taken.schema.columns[column].name,
                       "', by which its changes are found, ", facts->trouble,
                       ". Nothing of it was sent, since changes would be missed"));
    }
    if (facts->nulls > 0) {
      taken.notes->push_back(absl::StrCat("table '", taken.schema.name, "': ", Counted(facts->nulls, "row"),
                                          facts->nulls == 1 ? " has" : " have", " no value in '",
                                          taken.schema.columns[column].name,
                                          "', by which its changes are found: only a population sends them"));
    }
    return facts;
  }

  const std::unique_ptr<SourceReader> inner_;
  const std::unique_ptr<SourceReader> others_;  ///< Reads tables that are not captured; null: none.
  const std::unique_ptr<SourceReader> feeds_;   ///< Reads feeds of deletes; null: none.
  CaptureState& state_;
  const CaptureRules rules_;
  const std::function<bool(const std::string&)> never_sent_;  ///< Empty: it is not known.
  // State of the present look.
  SourceSchema feed_schema_;
  std::vector<TableSchema> schemas_;
  std::map<std::string, Due> due_;  ///< By folded name.
  std::set<std::string> twice_;     ///< Tables with rows that share a key.
};

}  // namespace

std::unique_ptr<SourceReader> OpenCaptureReader(CaptureSources sources, CaptureState& state,
                                                CaptureRules rules,
                                                std::function<bool(const std::string&)> never_sent) {
  return std::make_unique<CaptureReader>(std::move(sources), state, std::move(rules), std::move(never_sent));
}

}  // namespace mirror
