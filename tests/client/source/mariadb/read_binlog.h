#ifndef MIRROR_TESTS_CLIENT_SOURCE_MARIADB_READ_BINLOG_H_
#define MIRROR_TESTS_CLIENT_SOURCE_MARIADB_READ_BINLOG_H_

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/db/mariadb/connection.h"
#include "client/source/mariadb/binlog_event.h"
#include "client/source/mariadb/binlog_place.h"
#include "client/source/mariadb/binlog_stream.h"
#include "client/source/mariadb/rows_event.h"
#include "client/source/mariadb/table_map.h"
#include "tests/support/mariadb/mariadb_server.h"
#include "tests/support/status_matchers.h"

namespace mirror {

inline std::unique_ptr<mariadb::Connection> Connected(const MariadbServer& server,
                                                      const std::string& database = "mysql",
                                                      const std::string& user = "root") {
  absl::StatusOr<std::unique_ptr<mariadb::Connection>> connection =
      mariadb::Connection::Open({.dsn = server.Dsn(database, user)});
  EXPECT_TRUE(connection.ok()) << connection.status();
  return connection.ok() ? *std::move(connection) : nullptr;
}

inline void Do(mariadb::Connection& connection, const std::vector<std::string>& statements) {
  for (const std::string& sql : statements) {
    const absl::Status done = connection.Execute(sql);
    EXPECT_TRUE(done.ok()) << done << "\n" << sql.substr(0, 200);
  }
}

/// An event with bytes of its own.
struct KeptEvent {
  binlog::Event event;
  std::string body;
  BinlogPlace before, after;
};

/// All events from a place to the binlog's end.
inline std::vector<KeptEvent> EventsFrom(const MariadbServer& server, const BinlogPlace& from,
                                         std::uint32_t server_id = 77) {
  absl::StatusOr<std::unique_ptr<BinlogStream>> stream = BinlogStream::Open(
      {.connect = {.dsn = server.Dsn()}, .server_id = server_id, .from = from, .to_end = true});
  EXPECT_TRUE(stream.ok()) << stream.status();
  std::vector<KeptEvent> events;
  if (!stream.ok()) return events;
  for (;;) {
    const absl::StatusOr<std::optional<binlog::Event>> event = (*stream)->Next();
    EXPECT_TRUE(event.ok()) << event.status();
    if (!event.ok() || !*event) break;
    events.push_back({**event, std::string((*event)->body), (*stream)->before(), (*stream)->place()});
  }
  for (KeptEvent& kept : events) kept.event.body = kept.body;
  return events;
}

using TextRow = std::vector<std::optional<std::string>>;

/// A change of a row of one table.
struct ReadChange {
  binlog::RowsKind kind = binlog::RowsKind::kWrite;
  TextRow before, after;
  bool whole = true;
};

/// What the events say of one table. `uses`: of its columns by name.
inline std::vector<ReadChange> ChangesOf(const std::vector<KeptEvent>& events, const std::string& table,
                                         const std::map<std::string, binlog::StringUse>& uses,
                                         const std::map<std::uint32_t, std::string>& charsets) {
  std::vector<ReadChange> changes;
  std::optional<binlog::TableMap> map;
  std::vector<binlog::RowText> texts;
  for (const KeptEvent& kept : events) {
    if (kept.event.type == binlog::EventType::kTableMap) {
      const absl::StatusOr<binlog::TableMap> read = binlog::ReadTableMap(kept.event);
      EXPECT_TRUE(read.ok()) << read.status();
      map.reset();
      if (!read.ok() || read->table != table) continue;
      map = *read;
      texts.clear();
      for (const binlog::MappedColumn& column : map->columns) {
        const auto use = uses.find(column.name);
        const auto charset = charsets.find(column.collation);
        const std::optional<binlog::Charset> known =
            charset == charsets.end() ? std::nullopt : binlog::CharsetOf(charset->second);
        texts.emplace_back(column, known.value_or(binlog::Charset::kBytes),
                           use == uses.end() ? binlog::StringUse::kPlain : use->second);
      }
    }
    if (!binlog::IsRows(kept.event.type) || !map || binlog::RowsMapId(kept.event) != map->id) continue;
    binlog::RowsEvent rows;
    const absl::Status read = binlog::ReadRows(kept.event, &rows);
    EXPECT_TRUE(read.ok()) << read;
    const binlog::RowSlicer slicer(*map);
    binlog::Bytes bytes(rows.rows);
    std::vector<binlog::RowField> fields;
    const auto take = [&](std::string_view image, TextRow* row) {
      EXPECT_TRUE(slicer.Next(&bytes, image, &fields));
      for (std::size_t i = 0; i < fields.size(); ++i) {
        row->emplace_back();
        if (fields[i].state != binlog::RowField::State::kThere) continue;
        row->back().emplace();
        EXPECT_TRUE(texts[i].Write(fields[i].bytes, &*row->back())) << map->columns[i].name;
      }
    };
    while (!bytes.empty() && !testing::Test::HasFailure()) {
      ReadChange& change = changes.emplace_back(ReadChange{.kind = rows.kind, .whole = rows.IsWhole()});
      take(rows.image, rows.kind == binlog::RowsKind::kWrite ? &change.after : &change.before);
      if (rows.kind == binlog::RowsKind::kUpdate) take(rows.after, &change.after);
    }
  }
  return changes;
}

/// By MariaDB's numbers of collations.
inline std::map<std::uint32_t, std::string> CharsetsOf(mariadb::Connection& connection) {
  std::map<std::uint32_t, std::string> charsets;
  const absl::StatusOr<mariadb::Rows> rows = connection.Query(
      "SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY");
  EXPECT_TRUE(rows.ok()) << rows.status();
  for (std::size_t i = 0; rows.ok() && i < rows->rows(); ++i)
    charsets[static_cast<std::uint32_t>(rows->Int(i, 0))] = rows->Text(i, 1);
  return charsets;
}

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_SOURCE_MARIADB_READ_BINLOG_H_
