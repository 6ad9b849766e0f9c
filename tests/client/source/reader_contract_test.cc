// What client/source/reader.h and history.h promise, of every reader that there is.

#include <gmock/gmock.h>

#include <functional>
#include <iostream>
#include <random>

#include "tests/client/source/reader_contract.h"

namespace mirror::reader_contract_test {
namespace {

using testing::IsEmpty;

constexpr absl::StatusCode kNotFound = absl::StatusCode::kNotFound;
constexpr absl::StatusCode kAborted = absl::StatusCode::kAborted;

INSTANTIATE_TEST_SUITE_P(EveryReader, ReaderContract, testing::ValuesIn(EveryReader()), NameOfReader);

TEST_P(ReaderContract, EachTableIsAnnouncedOnceWithItsColumnsAndKey) {
  for (int look = 0; look < 3; ++look) {
    ASSERT_EQ(schema_.tables.size(), Shapes().size());
    EXPECT_THAT(schema_.refused, IsEmpty());
    // Of files it is told what their columns were taken for.
    EXPECT_THAT(schema_.notes, testing::Each(testing::HasSubstr("types were guessed")));
    for (const Shape& shape : Shapes()) {
      const TableSchema& schema = SchemaOf(shape);
      EXPECT_EQ(schema.Key(), shape.key);
      std::vector<std::string> names;
      for (const Column& column : schema.columns) names.push_back(column.name);
      EXPECT_EQ(names, shape.columns);
    }
    const std::vector<SourceTable> before = schema_.tables;
    look == 0 ? Look() : Open();
    for (std::size_t i = 0; i < before.size(); ++i) {
      EXPECT_EQ(schema_.tables[i].schema, before[i].schema) << "a table that did not change is the same";
      EXPECT_EQ(schema_.tables[i].record, before[i].record);
    }
  }
  const auto names = reader_->TableNames();
  ASSERT_THAT(names, IsOk());
  EXPECT_THAT(*names, testing::UnorderedElementsAre("orders", "pairs"));
}

TEST_P(ReaderContract, EachRowIsReadOnceInBlocksOfAnySize) {
  for (const Shape& shape : Shapes()) {
    for (const std::size_t bytes : {1U, 300U, 1'000'000U}) {
      const ReadTable read = ReadAll(*reader_, SchemaOf(shape), bytes);
      ASSERT_THAT(read.status, IsOk());
      Contents rows;
      for (const ShownRow& row : read.rows) rows[KeyIn(shape, row)] = row;
      EXPECT_EQ(rows, InSource(shape));
      EXPECT_EQ(read.rows.size(), rows.size()) << "some came twice";
    }
    EXPECT_THAT(reader_->CountRows(shape.name), IsOkAndHolds(state_[shape.name].size()));
    // Some of the columns, in another order.
    const std::vector<std::uint32_t> columns = {2, 0};
    const auto some = reader_->Read(shape.name, columns);
    ASSERT_THAT(some, IsOk());
    RowBlock block = RowBlock::For(SchemaOf(shape), columns);
    Pieces pieces;
    EXPECT_THAT((*some)->Next({}, &block, &pieces), IsOkAndHolds(false));
    std::vector<ShownRow> shown;
    AppendRows(block, &shown);
    std::vector<ShownRow> wanted;
    for (const auto& [key, row] : InSource(shape)) wanted.push_back({row[2], row[0]});
    EXPECT_THAT(shown, testing::UnorderedElementsAreArray(wanted));
  }
}

TEST_P(ReaderContract, ABlockHasNoMoreRowsThanItIsAskedFor) {
  const auto rows = reader_->Read("orders", {0});
  ASSERT_THAT(rows, IsOk());
  RowBlock block = RowBlock::For(SchemaOf(Shapes()[0]), {0});
  Pieces pieces;
  std::size_t all = 0;
  for (bool more = true; more;) {
    block.Clear();
    const absl::StatusOr<bool> next = (*rows)->Next({1'000'000, 7}, &block, &pieces);
    ASSERT_THAT(next, IsOk());
    more = *next;
    EXPECT_LE(block.rows(), 7U);
    all += block.rows();
  }
  EXPECT_EQ(all, 40U);
}

TEST_P(ReaderContract, NetChangesMakeTheFormerRowsThePresentOnes) {
  std::mt19937_64 random{TestSeed()};
  const auto below = [&](int limit) {
    return static_cast<int>(random() % static_cast<std::uint64_t>(limit));
  };
  std::map<std::string, Mirror> mirrors;
  std::vector<std::map<std::string, Mirror>> saved;
  for (const Shape& shape : Shapes()) {
    mirrors[shape.name] = Populate(shape);
    ASSERT_EQ(mirrors[shape.name].rows, InSource(shape));
  }
  if (!GetParam().NamesRows()) {
    EXPECT_FALSE(history_->NamesRows("orders"));
    EXPECT_FALSE(reader_->Changes("orders", {}, {0, 1, 2}, false, false, {}).ok());
    return;
  }
  for (int round = 0; round < 14 && !HasFailure(); ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    saved.push_back(mirrors);
    for (int i = below(8); i >= 0; --i) {
      const Shape& shape = Shapes()[random() % Shapes().size()];
      const int number = below(60) * 3 - 20;
      below(3) == 0 ? Remove(shape, number) : Put(shape, number, Cell("w" + Name(below(20))));
      if (below(3) == 0) Write();
    }
    Write();
    below(2) == 0 ? Open() : Look();
    const BlockSize size = below(2) == 0 ? BlockSize{} : BlockSize{100, 3};
    for (const Shape& shape : Shapes()) {
      if (below(3) == 0) continue;  // It falls behind.
      Mirror& mirror = mirrors[shape.name];
      ASSERT_THAT(history_->Judge(shape.name, mirror.position), IsOkAndHolds(Standing::kKnown));
      const Lsn from = mirror.position.lsn;
      Begin(shape);
      BringOn(shape, from, below(3) == 0, &mirror, size);
      ExpectMirrored(shape, mirror);
      // Nothing more follows.
      EXPECT_THAT(history_->ChangedSince(shape.name, mirror.position.lsn),
                  IsOkAndHolds(std::optional<bool>(false)));
      EXPECT_THAT(BringOn(shape, mirror.position.lsn, false, &mirror), IsEmpty());
    }
    if (below(4) == 0) {
      std::map<std::string, Position> durable;
      for (const auto& [name, mirror] : mirrors) durable[name] = mirror.position;
      EXPECT_THAT(history_->Forget(durable), IsOk());
    }
  }
  // A mirror that was restored to any of its former states is brought on as well.
  Open();
  for (auto& old : saved) {
    for (const Shape& shape : Shapes()) {
      Mirror& mirror = old[shape.name];
      const auto standing = history_->Judge(shape.name, mirror.position);
      ASSERT_THAT(standing, IsOk());
      if (*standing != Standing::kKnown) continue;
      const Lsn from = mirror.position.lsn;
      Begin(shape);
      BringOn(shape, from, false, &mirror);
      ExpectMirrored(shape, mirror);
    }
  }
}

TEST_P(ReaderContract, OnlyWhatChangedIsAmongTheNetChanges) {
  if (!GetParam().NamesRows()) GTEST_SKIP() << "it has none";
  for (const Shape& shape : Shapes()) {
    Mirror mirror = Populate(shape);
    Put(shape, -20, Cell("other"));
    Put(shape, 1'000, Cell("new"));
    Put(shape, 1'001, Cell(nullptr));
    Remove(shape, -17);
    Write();
    Look();
    const Lsn from = mirror.position.lsn;
    Begin(shape);
    auto sent = BringOn(shape, from, false, &mirror);
    ExpectMirrored(shape, mirror);
    const int deletes = GetParam().SeesDeletes() ? 1 : 0;
    EXPECT_EQ(sent[Operation::kDelete], deletes);
    // A watermark knows no rows but those behind it: what it meets for the first time is new to it.
    EXPECT_EQ(sent[Operation::kInsert] + sent[Operation::kUpdate], 3);
    if (GetParam().SeesDeletes()) {
      EXPECT_EQ(sent[Operation::kInsert], 2);
    }
    // What is asked for besides comes, too.
    Begin(shape);
    const Row& row = state_[shape.name].begin()->second;
    mirror.rows.erase(ShowKey(KeyOf(shape, row)));
    sent = BringOn(shape, mirror.position.lsn, /*whole_rows=*/true, &mirror, {}, {KeyOf(shape, row)});
    EXPECT_EQ(sent[Operation::kInsert], 1);
    ExpectMirrored(shape, mirror);
  }
}

TEST_P(ReaderContract, APositionIsRecognisedAndNoOther) {
  for (const Shape& shape : Shapes()) {
    const Position position = Begin(shape);
    EXPECT_GE(position.lsn.value, 0);
    EXPECT_FALSE(position.lineage.empty());
    for (int look = 0; look < 2; ++look) {
      const auto judged = [&](const Position& other) { return history_->Judge(shape.name, other); };
      EXPECT_THAT(judged(position), IsOkAndHolds(Standing::kKnown));
      EXPECT_THAT(judged({position.lsn, "nobody's"}), IsOkAndHolds(Standing::kMiss));
      EXPECT_THAT(judged({position.lsn, ""}), IsOkAndHolds(Standing::kMiss));
      EXPECT_THAT(judged({Lsn{position.lsn.value + 1'000}, "nobody's"}), IsOkAndHolds(Standing::kAhead));
      EXPECT_THAT(judged({Lsn{INT64_MAX}, ""}), IsOkAndHolds(Standing::kAhead));
      Open();
    }
    EXPECT_THAT(history_->Judge("nothing", position), IsOk());
    EXPECT_THAT(history_->Judge("nothing", position), testing::Not(IsOkAndHolds(Standing::kKnown)));
  }
}

TEST_P(ReaderContract, WhatChangedSinceIsKnownWithEachKey) {
  for (const Shape& shape : Shapes()) {
    const Mirror mirror = Populate(shape);
    const Lsn from = mirror.position.lsn;
    if (!GetParam().NamesRows()) {
      EXPECT_THAT(history_->ChangedSince(shape.name, from), IsOkAndHolds(std::optional<bool>()));
      const auto none = history_->ChangedKeys(shape.name, from);
      ASSERT_THAT(none, IsOk());
      EXPECT_FALSE(none->has_value());
      continue;
    }
    EXPECT_THAT(history_->ChangedSince(shape.name, from), IsOkAndHolds(std::optional<bool>(false)));
    Put(shape, -20, Cell("other"));
    Put(shape, 1'000, Cell("new"));
    Remove(shape, -17);
    Write();
    Look();
    EXPECT_THAT(history_->ChangedSince(shape.name, from), IsOkAndHolds(std::optional<bool>(true)));
    const auto keys = history_->ChangedKeys(shape.name, from);
    ASSERT_THAT(keys, IsOk());
    ASSERT_TRUE(keys->has_value());
    std::set<ShownRow> named;
    for (const Key& key : **keys) named.insert(ShowKey(key));
    const Contents now = InSource(shape);
    for (const auto& [key, row] : now) {
      const auto before = mirror.rows.find(key);
      if (before == mirror.rows.end() || before->second != row) {
        EXPECT_TRUE(named.contains(key)) << absl::StrJoin(key, " ");
      }
    }
    for (const auto& [key, row] : mirror.rows) {
      if (!now.contains(key) && GetParam().SeesDeletes()) {
        EXPECT_TRUE(named.contains(key)) << absl::StrJoin(key, " ");
      }
    }
  }
}

TEST_P(ReaderContract, DigestsAreThoseOfTheRowsInTheOrderOfTheirKeys) {
  for (const Shape& shape : Shapes()) {
    std::map<Key, Row> rows;
    for (const auto& [key, row] : state_[shape.name]) rows[KeyOf(shape, row)] = row;
    std::vector<std::vector<std::uint32_t>> sets = {AllColumns(SchemaOf(shape)), shape.key};
    sets.push_back({0, 2, 3});
    if (shape.key.size() == 1) sets.back().pop_back();
    for (const std::vector<std::uint32_t>& columns : sets) {
      for (const std::size_t step : {1U, 7U, 40U, 1'000U}) {
        const auto digests = reader_->Digests(shape.name, columns);
        ASSERT_THAT(digests, IsOk());
        RangeDigest all, wanted;
        auto next = rows.begin();
        for (bool end = false; !end;) {
          const absl::StatusOr<DigestPiece> piece = (*digests)->Next(step, /*each=*/true);
          ASSERT_THAT(piece, IsOk());
          end = piece->end;
          all.Add(piece->digest);
          ASSERT_EQ(piece->rows.size(), piece->digest.rows);
          EXPECT_LE(piece->rows.size(), step);
          if (piece->rows.empty()) continue;
          EXPECT_EQ(piece->first, piece->rows.front().first);
          EXPECT_EQ(piece->last, piece->rows.back().first);
          for (const auto& [key, digest] : piece->rows) {
            ASSERT_NE(next, rows.end());
            EXPECT_EQ(key, next->first);
            EXPECT_EQ(digest, DigestOf(next->second, columns));
            wanted.Add(digest);
            ++next;
          }
        }
        EXPECT_EQ(next, rows.end());
        EXPECT_EQ(all, wanted);
      }
    }
  }
}

TEST_P(ReaderContract, DigestsGoOnBehindAnyKey) {
  for (const Shape& shape : Shapes()) {
    std::map<Key, Row> rows;
    for (const auto& [key, row] : state_[shape.name]) rows[KeyOf(shape, row)] = row;
    const std::vector<std::uint32_t> columns = AllColumns(SchemaOf(shape));
    const auto digests = reader_->Digests(shape.name, columns);
    ASSERT_THAT(digests, IsOk());
    std::vector<Key> places = {{}};
    for (const int number : {41, -17, 1'000, -1'000, 4}) {  // 4 and -17 are rows, the others are between.
      const Row row = shape.key.size() == 1 ? Row{number, 0, 0} : Row{"k" + Letter(number), 0, 0, number};
      places.push_back(KeyOf(shape, row));
    }
    for (const Key& place : places) {
      SCOPED_TRACE(absl::StrJoin(ShowKey(place), " "));
      ASSERT_THAT((*digests)->Seek(place), IsOk());
      const absl::StatusOr<DigestPiece> piece = (*digests)->Next(1'000, /*each=*/false);
      ASSERT_THAT(piece, IsOk());
      RangeDigest wanted;
      for (const auto& [key, row] : rows) {
        if (place.empty() || place < key) wanted.Add(DigestOf(row, columns));
      }
      EXPECT_EQ(piece->digest, wanted);
      EXPECT_TRUE(piece->end);
    }
  }
}

TEST_P(ReaderContract, RowsAreFoundByKeyAndThoseThatWentAreDeletes) {
  for (const Shape& shape : Shapes()) {
    const std::vector<std::uint32_t> columns = AllColumns(SchemaOf(shape));
    Mirror mirror, wanted;
    std::vector<Key> keys;
    for (const auto& [key, row] : state_[shape.name]) {
      mirror.rows[key] = {"old", "old", "old", "old"};
      if (keys.size() % 3 != 0) wanted.rows[key] = ShowRow(row);
      keys.push_back(KeyOf(shape, row));
      if (keys.size() % 3 == 1) {
        // In place of every third row one that is not there.
        Row none = row;
        for (const std::uint32_t column : shape.key) {
          if (none[column].kind == Kind::kInteger) none[column].integer += 5'000;
        }
        wanted.rows[key] = {"old", "old", "old", "old"};
        keys.back() = KeyOf(shape, none);
        mirror.rows[ShowKey(keys.back())] = {"gone"};
      }
    }
    for (const BlockSize& size : {BlockSize{}, BlockSize{1, 2}}) {
      Mirror found = mirror;
      const auto rows = reader_->RowsOf(shape.name, columns, keys);
      if (!rows.ok() && !GetParam().NamesRows()) continue;
      ASSERT_THAT(rows, IsOk());
      int deletes = 0;
      Pieces pieces;
      for (bool last = false; !last;) {
        const absl::StatusOr<ChangePiece> piece = (*rows)->Next(size, &pieces);
        ASSERT_THAT(piece, IsOk());
        last = piece->last;
        for (const ChangeBlock& block : piece->blocks) {
          EXPECT_NE(block.operation, Operation::kUpdate);
          EXPECT_LE(block.rows.rows(), size.rows);
          const int applied = Apply(shape, block, &found);
          if (block.operation == Operation::kDelete) deletes += applied;
        }
      }
      EXPECT_EQ(found.rows, wanted.rows);
      EXPECT_EQ(deletes, static_cast<int>((keys.size() + 2) / 3));
    }
  }
}

TEST_P(ReaderContract, ATableThatIsNotThereIsNotFound) {
  const std::vector<std::pair<std::string, std::function<absl::Status()>>> calls = {
      {"Read", [&] { return reader_->Read("nothing", {0}).status(); }},
      {"CountRows", [&] { return reader_->CountRows("nothing").status(); }},
      {"Digests", [&] { return reader_->Digests("nothing", {0}).status(); }},
      {"Scan", [&] { return reader_->Scan("nothing", {0}).status(); }},
      {"RowsOf", [&] { return reader_->RowsOf("nothing", {0}, {{{.kind = Kind::kInteger}}}).status(); }},
      {"Changes", [&] { return reader_->Changes("nothing", Lsn{0}, {0}, false, false, {}).status(); }}};
  for (const auto& [name, call] : calls) {
    if (name == "Changes" && !GetParam().NamesRows()) continue;
    EXPECT_EQ(call().code(), kNotFound) << name << ": " << call();
  }
}

TEST_P(ReaderContract, ATableThatMovesIsAbortedAndANewLookHealsIt) {
  const Shape& shape = Shapes()[0];
  // Before the first row, and between two of them.
  auto digests = reader_->Digests(shape.name, {0, 1, 2});
  ASSERT_THAT(digests, IsOk());
  ASSERT_THAT((*digests)->Next(3, false), IsOk());
  auto read = reader_->Read(shape.name, {0, 1, 2});
  ASSERT_THAT(read, IsOk());
  RowBlock block = RowBlock::For(SchemaOf(shape), {0, 1, 2});
  Pieces pieces;
  ASSERT_THAT((*read)->Next({1, 1}, &block, &pieces), IsOkAndHolds(true));
  digests->reset();
  // A reader within a read transaction of WAL shows its own moment to the end.
  const bool reads_wal = GetParam().kind == "sqlite" && !GetParam().Logs() && GetParam().journal == "WAL";
  // By ODBC all rows of a page are read at once.
  const bool one_moment = reads_wal || GetParam().database == "sqlite";
  if (one_moment) Look();
  // Readers of servers keep the definition from being changed.
  const bool keeps = GetParam().kind == "postgres" || GetParam().kind == "mariadb" ||
                     (GetParam().kind == "odbc" && !one_moment);
  if (keeps) read->reset();
  writer_->AddColumn();
  if (!one_moment) {
    absl::StatusOr<bool> next = true;
    for (int left = 50; !keeps && left > 0 && next.ok() && *next; --left) {
      block.Clear();
      next = (*read)->Next({1, 1}, &block, &pieces);
    }
    EXPECT_TRUE(keeps || absl::IsAborted(next.status())) << next.status();
    const ReadTable again = ReadAll(*reader_, SchemaOf(shape));
    EXPECT_EQ(again.status.code(), kAborted) << again.status;
  }
  Look();
  const ReadTable healed = ReadAll(*reader_, SchemaOf(shape));
  EXPECT_THAT(healed.status, IsOk());
  EXPECT_EQ(SchemaOf(shape).columns.size(), 4U);
  EXPECT_EQ(healed.rows.size(), 40U);
  for (const ShownRow& row : healed.rows) EXPECT_EQ(row[3], "t:m");
}

}  // namespace
}  // namespace mirror::reader_contract_test
