#include "client/source/capture/noted_changes.h"

#include <cstddef>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_key.h"

namespace mirror {
namespace {

/// Maximum number of column sets that are read one after the other. Rows with further sets are sent whole.
constexpr std::size_t kParts = 16;

class NotedChanges : public ChangeReader {
 public:
  NotedChanges(SourceReader& inner, CaptureState& state, CaptureState::Table table, TableSchema schema,
               std::vector<std::uint32_t> columns, std::int64_t from, bool whole_rows,
               const CaptureRule& rule, std::vector<Key> also)
      : inner_(inner),
        state_(state),
        table_(std::move(table)),
        schema_(std::move(schema)),
        columns_(std::move(columns)),
        from_(from),
        whole_rows_(whole_rows),
        counts_(rule.SeesDeletes()),
        asks_for_gone_(!rule.SeesDeletes()),
        also_(std::move(also)) {}

  absl::StatusOr<ChangePiece> Next(const BlockSize& size, LargeSink* sink) override {
    ChangePiece piece;
    piece.target = state_.target();
    if (!begun_) RETURN_IF_ERROR(Begin(&piece));
    while (rows_ == nullptr && !at_end_) {
      RETURN_IF_ERROR(NextGroup(size, &piece));
      if (!piece.blocks.empty()) return piece;
    }
    if (rows_ != nullptr) RETURN_IF_ERROR(ReadGroup(size, sink, &piece));
    piece.last = at_end_ && rows_ == nullptr;
    if (piece.last && counts_ && !vanished_) piece.row_count = table_.rows;
    return piece;
  }

 private:
  absl::Status Begin(ChangePiece* piece) {
    begun_ = true;
    ASSIGN_OR_RETURN(const CaptureState::Noted noted, state_.CountNoted(table_, from_));
    // If the source decides which noted rows exist, the number of deletes is not known in advance.
    if (!asks_for_gone_) piece->planned = Planned{noted.inserts + also_.size(), noted.updates, noted.deletes};
    if (counts_) piece->rows_now = table_.rows;
    return absl::OkStatus();
  }

  /// Puts deletes into the piece, then selects the next rows to read.
  absl::Status NextGroup(const BlockSize& size, ChangePiece* piece) {
    if (!gone_.empty()) {
      TakeGone(size, piece);
      return absl::OkStatus();
    }
    drop_gone_ = !asked_.empty();
    if (drop_gone_) return Read(std::exchange(asked_, {}), Operation::kInsert);
    if (!inserts_.empty()) return Read(std::exchange(inserts_, {}), Operation::kInsert);
    if (!updates_.empty()) {
      return Read(std::exchange(updates_, {}), whole_rows_ ? Operation::kInsert : Operation::kUpdate);
    }
    if (!parts_.empty()) {
      auto part = parts_.extract(parts_.begin());
      return Read(std::move(part.mapped()), Operation::kUpdate, std::move(part.key()));
    }
    if (noted_all_) {
      at_end_ = also_.empty();
      return at_end_ ? absl::OkStatus() : Read(std::exchange(also_, {}), Operation::kInsert);
    }
    ASSIGN_OR_RETURN(std::vector<CaptureState::Note> notes,
                     state_.ReadNoted(table_, from_, behind_, inner_.KeysAtATime()));
    noted_all_ = notes.size() < inner_.KeysAtATime();
    if (!notes.empty()) behind_ = notes.back().key;
    for (CaptureState::Note& note : notes) {
      if (note.gone && asks_for_gone_) {
        // The row may have been inserted again since its delete.
        inserts_.push_back(std::move(note.key));
      } else if (note.asked && asks_for_gone_) {
        asked_.push_back(std::move(note.key));
      } else if (note.gone) {
        gone_.push_back(std::move(note.key));
      } else if (std::vector<Key>* const part = PartOf(note)) {
        part->push_back(std::move(note.key));
      } else {
        (note.born ? inserts_ : updates_).push_back(std::move(note.key));
      }
    }
    return absl::OkStatus();
  }

  /// Takes as many deletes as fit into a block.
  void TakeGone(const BlockSize& size, ChangePiece* piece) {
    RowBlock gone = RowBlock::For(schema_, schema_.Key());
    while (!gone_.empty() && gone.rows() < size.rows && gone.bytes() < size.bytes) {
      AppendKey(gone_.front(), &gone);
      gone_.pop_front();
    }
    piece->blocks.push_back({Operation::kDelete, std::move(gone)});
  }

  /// Returns the group of a row of which only some columns are sent. Null: all columns are sent.
  std::vector<Key>* PartOf(const CaptureState::Note& note) {
    if (note.columns.empty() || note.born || whole_rows_) return nullptr;
    std::set<std::uint32_t> columns(note.columns.begin(), note.columns.end());
    for (const std::uint32_t key : schema_.Key()) columns.insert(key);
    std::vector<std::uint32_t> sent;
    for (const std::uint32_t column : columns_) {
      if (columns.contains(column)) sent.push_back(column);
    }
    // None of the changed columns is sent, or all columns are. The row is sent whole, so that its commit
    // covers the change.
    if (sent.size() == schema_.Key().size() || sent.size() == columns_.size()) return nullptr;
    const auto part = parts_.find(sent);
    if (part != parts_.end()) return &part->second;
    return parts_.size() < kParts ? &parts_[std::move(sent)] : nullptr;
  }

  /// Begins to read rows by key. `columns` empty: reads all columns that the mirror has.
  absl::Status Read(std::vector<Key> keys, Operation operation, std::vector<std::uint32_t> columns = {}) {
    ASSIGN_OR_RETURN(rows_,
                     inner_.RowsOf(schema_.name, columns.empty() ? columns_ : columns, std::move(keys)));
    operation_ = operation;
    return absl::OkStatus();
  }

  absl::Status ReadGroup(const BlockSize& size, LargeSink* sink, ChangePiece* piece) {
    ASSIGN_OR_RETURN(ChangePiece rows, rows_->Next(size, sink));
    if (rows.last) rows_.reset();
    for (ChangeBlock& block : rows.blocks) {
      if (drop_gone_ && block.operation == Operation::kDelete) continue;
      vanished_ = vanished_ || block.operation == Operation::kDelete;
      if (block.operation == Operation::kInsert) block.operation = operation_;
      piece->blocks.push_back(std::move(block));
    }
    return absl::OkStatus();
  }

  SourceReader& inner_;
  CaptureState& state_;
  const CaptureState::Table table_;
  const TableSchema schema_;
  const std::vector<std::uint32_t> columns_;
  const std::int64_t from_;
  const bool whole_rows_;
  const bool counts_;         ///< The remembered rows are all rows of the table.
  const bool asks_for_gone_;  ///< The source decides whether noted rows exist.
  std::vector<Key> also_;
  bool begun_ = false, noted_all_ = false, at_end_ = false;
  Key behind_;
  std::deque<Key> gone_;
  bool vanished_ = false;   ///< Rows were deleted since they were counted.
  std::vector<Key> asked_;  ///< Keys of rows that are not reported as deleted.
  bool drop_gone_ = false;  ///< The present group are keys of `asked_`: their deletes are dropped.
  std::vector<Key> inserts_, updates_;
  std::map<std::vector<std::uint32_t>, std::vector<Key>> parts_;  ///< By the columns to send.
  std::unique_ptr<ChangeReader> rows_;  ///< Reads the present group; null: there is none.
  Operation operation_ = Operation::kInsert;
};

}  // namespace

std::unique_ptr<ChangeReader> ReadNotedChanges(SourceReader& inner, CaptureState& state,
                                               CaptureState::Table table, TableSchema schema,
                                               std::vector<std::uint32_t> columns, std::int64_t from,
                                               bool whole_rows, const CaptureRule& rule,
                                               std::vector<Key> also) {
  return std::make_unique<NotedChanges>(inner, state, std::move(table), std::move(schema), std::move(columns),
                                        from, whole_rows, rule, std::move(also));
}

}  // namespace mirror
