#ifndef MIRROR_CLIENT_SOURCE_STEPS_PIPELINE_READER_H_
#define MIRROR_CLIENT_SOURCE_STEPS_PIPELINE_READER_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "certs/keyed_hash.h"
#include "client/source/history.h"
#include "client/source/reader.h"
#include "client/source/steps/table_steps.h"
#include "proto/wire/table.h"

namespace mirror {

/// The steps of all tables of a source, and the form of each table at its last announcement. A table's record
/// has the mirror's name for the table. It contains the record of the inner reader, too.
class Pipeline {
 public:
  /// `steps`: of the tables that have any. `key`: an error if hashing needs the key and it cannot be read.
  /// `records`: SourceTable.record of earlier runs.
  Pipeline(std::vector<TableSteps> steps, absl::StatusOr<std::optional<TenantHashKey>> key,
           std::map<std::string, std::string> records);

  const std::vector<TableSteps>& steps() const { return steps_; }
  /// Null: the table is sent without steps.
  const TableSteps* Find(const std::string& source_name) const;
  /// Null: the source and the mirror use the same name.
  const TableSteps* FindSent(const std::string& name) const;
  const absl::StatusOr<std::optional<TenantHashKey>>& key() const { return key_; }

  /// Returns the records for the inner reader, by the source's names.
  std::map<std::string, std::string> InnerRecords() const;
  /// Returns the record of a table that is sent as `sent`, whose columns are `origin` of `source`.
  std::string MakeRecord(const TableSteps& steps, const TableSchema& source, const TableSchema& sent,
                         const std::vector<std::uint32_t>& origin, const std::string& inner) const;
  /// Returns the stored record; empty: there is none.
  std::string RecordOf(const TableSteps& steps) const;
  /// Returns the form of the last announcement, without columns that the source no longer has. Absent: the
  /// table was never announced.
  std::optional<TableSchema> FormerForm(const TableSteps& steps, const TableSchema& source,
                                        std::vector<std::uint32_t>* origin) const;

  /// A table whose sent rows now differ from those of earlier runs.
  struct Change {
    std::string source, name;  ///< Its names in the source and in the mirror.
    bool recorded = false;     ///< The table was announced before.
  };
  std::vector<Change> Changed() const;

 private:
  struct Kept {
    std::string fingerprint, source, inner;
    struct Sent {
      std::string from, to;
      bool as_text = false;
    };
    std::vector<Sent> columns;  ///< Empty: the columns of the source, unchanged.
  };
  static Kept Read(const std::string& name, const std::string& record);
  const TenantHashKey* KeyOrNull() const { return key_.ok() && *key_ ? &**key_ : nullptr; }

  std::vector<TableSteps> steps_;
  absl::StatusOr<std::optional<TenantHashKey>> key_;
  std::map<std::string, std::string> records_;
  std::map<std::string, Kept> kept_;  ///< By the mirror's name, folded.
};

/// A reader that gives tables and columns the names that the mirror uses. The inner reader already filters
/// rows and hashes or masks values, see ApplySteps and FileTable.steps.
///
/// If a table's steps do not fit it, it gets its last announcement and a problem. If it was never announced,
/// it is refused. Errors: those of the inner reader; also: there is no key to hash with.
class PipelineReader : public SourceReader {
 public:
  PipelineReader(std::unique_ptr<SourceReader> inner, Pipeline pipeline)
      : inner_(std::move(inner)), pipeline_(std::move(pipeline)) {}

  /// A table of the last Schema(), in the source's form and in the sent form.
  struct Origin {
    TableSchema source;
    TableSchema sent;
    std::vector<std::uint32_t> columns;  ///< For each sent column its index in `source`.
  };
  /// Finds a table by the mirror's name; null: there is none.
  const Origin* Find(const std::string& table) const;
  /// Returns the source's name of a table, or `table` if that is not known.
  std::string SourceName(const std::string& table) const;

  SourceMark Mark() const override { return inner_->Mark(); }
  absl::StatusOr<std::vector<std::string>> TableNames() override;
  absl::StatusOr<SourceSchema> Schema() override;
  absl::StatusOr<std::uint64_t> CountRows(const std::string& table) override;
  absl::StatusOr<std::unique_ptr<TableReader>> Read(const std::string& table,
                                                    const std::vector<std::uint32_t>& columns) override;
  absl::StatusOr<std::unique_ptr<ChangeReader>> Changes(const std::string& table, Lsn from,
                                                        const std::vector<std::uint32_t>& columns,
                                                        bool whole_rows, bool count_all,
                                                        std::vector<Key> also) override;
  absl::StatusOr<std::unique_ptr<DigestReader>> Digests(const std::string& table,
                                                        const std::vector<std::uint32_t>& columns) override;
  absl::StatusOr<std::unique_ptr<DigestReader>> Scan(const std::string& table,
                                                     const std::vector<std::uint32_t>& columns) override;
  absl::StatusOr<std::unique_ptr<DigestReader>> ScanByColumn(
      const std::string& table, const std::vector<std::uint32_t>& columns) override;
  absl::StatusOr<std::unique_ptr<DigestReader>> ScanFrom(const std::string& table,
                                                         const std::vector<std::uint32_t>& columns,
                                                         const RowBound& bound) override;
  absl::StatusOr<ColumnFacts> LookAtColumn(const std::string& table, std::uint32_t column) override;
  RepeatedKeys RepeatedKeysOf(const std::string& table) override {
    return inner_->RepeatedKeysOf(SourceName(table));
  }
  std::vector<std::string> PlacesOf(const std::string& table, const std::vector<Key>& keys) override {
    return inner_->PlacesOf(SourceName(table), keys);
  }
  void LeaveCopies() override { inner_->LeaveCopies(); }
  void Forget(const std::string& table) override { inner_->Forget(SourceName(table)); }
  std::size_t KeysAtATime() const override { return inner_->KeysAtATime(); }
  bool HoldsLog(bool closed_later) const override { return inner_->HoldsLog(closed_later); }
  absl::StatusOr<bool> HoldMoment(bool with_changes) override { return inner_->HoldMoment(with_changes); }
  void LeaveMoment() override { inner_->LeaveMoment(); }
  absl::StatusOr<std::unique_ptr<ChangeReader>> RowsOf(const std::string& table,
                                                       const std::vector<std::uint32_t>& columns,
                                                       std::vector<Key> keys) override;

 private:
  /// Announces the table, or refuses it and returns false.
  bool Put(SourceTable* table, std::string* refused);
  /// A table as the inner reader knows it: its name, and the indexes of its columns.
  struct Below {
    std::string table;
    std::vector<std::uint32_t> columns;
    const Origin* origin = nullptr;
  };
  SourceObjects SentObjects(SourceObjects objects, const Origin& origin) const;
  absl::StatusOr<Below> Go(const std::string& table, const std::vector<std::uint32_t>& columns) const;

  std::unique_ptr<SourceReader> inner_;
  Pipeline pipeline_;
  std::map<std::string, std::string>
      names_;                             ///< For TableNames(): source's name by the mirror's folded name.
  std::map<std::string, Origin> tables_;  ///< By the mirror's name, folded.
};

/// Adapts a source's History: translates the mirror's table names to the source's. The history and the reader
/// must outlive it.
class PipelineHistory : public History {
 public:
  PipelineHistory(History& inner, const PipelineReader& reader) : inner_(inner), reader_(reader) {}

  const std::string& source_id() const override { return inner_.source_id(); }
  absl::StatusOr<std::string> Bind(const SourceMark& mark) override { return inner_.Bind(mark); }
  absl::Status Refresh() override { return inner_.Refresh(); }
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& tables) override;
  bool Complete(TableSchema& schema) override;
  absl::StatusOr<Standing> Judge(const std::string& table, const Position& position) override {
    return inner_.Judge(SourceName(table), position);
  }
  absl::StatusOr<std::optional<bool>> ChangedSince(const std::string& table, Lsn lsn) override {
    return inner_.ChangedSince(SourceName(table), lsn);
  }
  absl::StatusOr<std::optional<std::vector<Key>>> ChangedKeys(const std::string& table, Lsn lsn) override {
    return inner_.ChangedKeys(SourceName(table), lsn);
  }
  bool NamesRows(const std::string& table) override { return inner_.NamesRows(SourceName(table)); }
  bool FollowsReading(const std::string& table) override { return inner_.FollowsReading(SourceName(table)); }
  bool SeesChanges(const std::string& table) override { return inner_.SeesChanges(SourceName(table)); }
  bool NoticesChanges(const std::string& table) override { return inner_.NoticesChanges(SourceName(table)); }
  Form FormOf(const std::string& table) override { return inner_.FormOf(SourceName(table)); }
  absl::StatusOr<bool> Sent(const std::string& table, const Position& position) override {
    return inner_.Sent(SourceName(table), position);
  }
  absl::StatusOr<bool> Adopt(const std::string& table, const Position& position) override {
    return inner_.Adopt(SourceName(table), position);
  }
  bool MendsGaps(const std::string& table) override { return inner_.MendsGaps(SourceName(table)); }
  std::string WhyGone(const std::string& table) override { return inner_.WhyGone(SourceName(table)); }
  absl::Status GiveUp(const std::string& table) override { return inner_.GiveUp(SourceName(table)); }
  std::string WhyNotEqual(const std::string& table) override { return inner_.WhyNotEqual(SourceName(table)); }
  absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                        std::int64_t highest) override;
  absl::Status Forget(const std::map<std::string, Position>& durable) override;

 private:
  std::string SourceName(const std::string& table) const { return reader_.SourceName(table); }

  History& inner_;
  const PipelineReader& reader_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_STEPS_PIPELINE_READER_H_
