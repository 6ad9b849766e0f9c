#include "client/source/capture/captured_rows.h"

#include <cstddef>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "client/source/rows/block_digests.h"
#include "proto/wire/row_digest.h"

namespace mirror {

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

namespace {

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
      // A long value is not in the digest: the next look, which sees all of it, has the row sent once more.
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
    if (!keyed_) {
      RETURN_IF_ERROR(look_->AddAll(all_.rows, all_.sum));
    }
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

}  // namespace

std::unique_ptr<TableReader> ReadRowsOnce(SourceReader& inner, std::string table,
                                          std::unique_ptr<DigestReader> keys,
                                          std::vector<std::uint32_t> columns) {
  return std::make_unique<RowsOnce>(inner, std::move(table), std::move(keys), std::move(columns));
}

std::unique_ptr<TableReader> ReadAndLookAtRows(SourceReader& reader, std::unique_ptr<TableReader> inner,
                                               std::unique_ptr<CaptureLook> look, const TableSchema& schema,
                                               bool by_column) {
  return std::make_unique<RowsLookedAt>(reader, std::move(inner), std::move(look), schema, by_column);
}

}  // namespace mirror
