// Every type of MariaDB's, from the binlog and from a SELECT.

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/client/source/mariadb/read_binlog.h"

namespace mirror::mariadb_log_types_test {
namespace {

using binlog::StringUse;

struct TypedColumn {
  std::string name, type;
  std::string select = {};  ///< Empty: the column itself.
  StringUse use = StringUse::kPlain;
};

std::vector<TypedColumn> TypedColumns() {
  std::vector<TypedColumn> columns = {
      {"id", "BIGINT NOT NULL"},
      {"t", "TINYINT"},
      {"tu", "TINYINT UNSIGNED"},
      {"s", "SMALLINT"},
      {"su", "SMALLINT UNSIGNED"},
      {"m", "MEDIUMINT"},
      {"mu", "MEDIUMINT UNSIGNED"},
      {"i", "INT"},
      {"iu", "INT UNSIGNED"},
      {"b", "BIGINT"},
      {"bu", "BIGINT UNSIGNED"},
      {"bo", "BOOLEAN"},
      {"d1", "DECIMAL(10,0)"},
      {"d2", "DECIMAL(65,30)"},
      {"d3", "DECIMAL(5,5)"},
      {"d4", "DECIMAL(18,9)"},
      {"d5", "DECIMAL(23,4) UNSIGNED"},
      {"f", "FLOAT", "CAST(f AS DOUBLE)"},
      {"fs", "FLOAT(9,3)", "CAST(fs AS DOUBLE)"},
      {"do", "DOUBLE"},
      {"b1", "BIT(1)", "CAST(b1 AS UNSIGNED)"},
      {"b13", "BIT(13)", "CAST(b13 AS UNSIGNED)"},
      {"b64", "BIT(64)", "CAST(b64 AS UNSIGNED)"},
      {"y", "YEAR"},
      {"da", "DATE"},
      {"c", "CHAR(7)"},
      {"c255", "CHAR(255) CHARACTER SET utf8mb4"},
      {"c3", "CHAR(9) CHARACTER SET utf8mb3"},
      {"v", "VARCHAR(60)"},
      {"v9", "VARCHAR(900)"},
      {"vl", "VARCHAR(60) CHARACTER SET latin1"},
      {"cl", "CHAR(60) CHARACTER SET latin1", "CONVERT(cl USING utf8mb4)"},
      {"va", "VARCHAR(60) CHARACTER SET ascii"},
      {"bi", "BINARY(16)"},
      {"bv", "VARBINARY(40)"},
      {"tt", "TINYTEXT"},
      {"te", "TEXT CHARACTER SET latin1 COLLATE latin1_german2_ci"},
      {"mt", "MEDIUMTEXT"},
      {"lt", "LONGTEXT CHARACTER SET utf8mb3"},
      {"tb", "TINYBLOB"},
      {"bb", "BLOB"},
      {"lb", "LONGBLOB"},
      {"e", "ENUM('a','ä,b','','€')"},
      {"el", "ENUM('ü','x€') CHARACTER SET latin1"},
      {"se", "SET('a','ä','ccc','d') CHARACTER SET latin1"},
      {"s64", "SET(" +
                  [] {
                    std::vector<std::string> labels;
                    for (int i = 0; i < 64; ++i) labels.push_back(absl::StrCat("'l", i, "'"));
                    return absl::StrJoin(labels, ",");
                  }() +
                  ")"},
      {"j", "JSON"},
      {"g", "GEOMETRY"},
      {"p", "POINT"},
      {"u", "UUID", "", StringUse::kUuid},
      {"i4", "INET4", "", StringUse::kInet4},
      {"i6", "INET6", "", StringUse::kInet6},
  };
  for (int digits = 0; digits <= 6; ++digits) {
    columns.push_back({absl::StrCat("ti", digits), absl::StrCat("TIME(", digits, ")")});
    columns.push_back({absl::StrCat("dt", digits), absl::StrCat("DATETIME(", digits, ")")});
    columns.push_back({absl::StrCat("ts", digits), absl::StrCat("TIMESTAMP(", digits, ") NULL")});
  }
  return columns;
}

class RandomValues {
 public:
  explicit RandomValues(std::uint64_t seed) : random_(seed) {}

  std::uint64_t Below(std::uint64_t bound) { return random_() % bound; }

  /// An SQL literal for the type.
  std::string Of(const std::string& type) {
    if (type.find("NOT NULL") == std::string::npos && Below(6) == 0) return "NULL";
    if (type == "YEAR") return Below(5) == 0 ? "0" : absl::StrCat(1901 + Below(255));
    if (type == "POINT")
      return absl::StrCat("ST_GeomFromText('POINT(", Below(90), " ", Below(90), ")', 4326)");
    if (type == "BOOLEAN") return absl::StrCat(Below(2));
    if (type.find("INT") == 0 || type.find("INT") < 7)
      return type.find("INET") == 0 ? Inet(type) : Integer(type);
    if (type.find("DECIMAL") == 0) return Decimal(type);
    if (type.find("FLOAT(") == 0) return absl::StrCat(Sign(), Below(999999), ".", Below(1000));
    if (type == "FLOAT" || type == "DOUBLE") return Real(type == "FLOAT");
    if (type.find("BIT") == 0)
      return absl::StrCat(Below(3) == 0 ? ~0ULL >> (64 - std::atoi(&type[4]))
                                        : random_() >> (64 - std::atoi(&type[4])));
    if (type.find("DATETIME") == 0 || type == "DATE") return Moment(0, 9999, type == "DATE");
    if (type.find("TIMESTAMP") == 0)
      return Below(6) == 0 ? "'0000-00-00 00:00:00'" : Moment(1971, 2037, false);
    if (type.find("TIME") == 0) return Time();
    if (type.find("ENUM") == 0) return absl::StrCat(1 + Below(2));
    if (type.find("SET('l0'") == 0) return absl::StrCat(random_());
    if (type.find("SET") == 0) return absl::StrCat(Below(16));
    if (type == "JSON") return absl::StrCat("'{\"a\": [", Below(1000), ", \"ä€\"]}'");
    if (type == "GEOMETRY") return absl::StrCat("ST_GeomFromText('LINESTRING(", Below(90), " 1,2 3)')");
    if (type == "UUID") return Uuid();
    if (type.find("INET") == 0) return Inet(type);
    return String(type);
  }

 private:
  std::string Sign() { return Below(2) == 0 ? "-" : ""; }

  std::string Integer(const std::string& type) {
    const int bits = type.find("TINY") == 0     ? 8
                     : type.find("SMALL") == 0  ? 16
                     : type.find("MEDIUM") == 0 ? 24
                     : type.find("BIG") == 0    ? 64
                                                : 32;
    const std::uint64_t kinds = Below(4);
    std::uint64_t raw = random_() >> (64 - bits);
    if (kinds == 0) raw = ~0ULL >> (64 - bits);
    if (kinds == 1) raw = 1ULL << (bits - 1);
    if (type.find("UNSIGNED") != std::string::npos) return absl::StrCat(raw);
    return absl::StrCat(static_cast<std::int64_t>(raw << (64 - bits)) >> (64 - bits));
  }

  std::string Digits(std::uint64_t most) {
    std::string digits = "0";
    for (std::uint64_t i = Below(most + 1); i > 0; --i) digits += static_cast<char>('0' + Below(10));
    return digits;
  }
  std::string Decimal(const std::string& type) {
    const int precision = std::atoi(&type[8]), scale = std::atoi(&type[type.find(',') + 1]);
    std::string text = type.find("UNSIGNED") == std::string::npos ? Sign() : "";
    text += Digits(static_cast<std::uint64_t>(precision - scale));
    if (scale > 0) absl::StrAppend(&text, ".", Digits(static_cast<std::uint64_t>(scale) - 1));
    return text;
  }
  std::string Real(bool single) {
    if (Below(5) == 0) return absl::StrCat(Sign(), Below(1 << 24));
    const int exponent = static_cast<int>(Below(single ? 60 : 600)) - (single ? 30 : 300);
    return absl::StrCat(Sign(), Below(10), ".", Below(1'000'000'000'000), "e",
                        Below(2) == 0 ? exponent : static_cast<int>(Below(36)) - 18);
  }
  std::string Padded(std::uint64_t number, std::size_t width) {
    std::string text = absl::StrCat(number);
    return std::string(width > text.size() ? width - text.size() : 0, '0') + text;
  }
  std::string Clock() {
    return absl::StrCat(Padded(Below(24), 2), ":", Padded(Below(60), 2), ":", Padded(Below(60), 2), ".",
                        Padded(Below(1'000'000), 6));
  }
  std::string Moment(std::uint64_t first, std::uint64_t last, bool day_only) {
    const std::uint64_t year = first + Below(last - first + 1);
    // Days and months 0, and 0000-00-00, are values, too.
    const std::uint64_t least = first == 0 ? 0 : 1;
    std::string text = absl::StrCat("'", Padded(year, 4), "-", Padded(least + Below(13 - least), 2), "-",
                                    Padded(least + Below(29 - least), 2));
    if (!day_only) absl::StrAppend(&text, " ", Clock());
    return text + "'";
  }
  std::string Time() {
    return absl::StrCat("'", Sign(), Padded(Below(3) == 0 ? Below(838) : Below(24), 2), Clock().substr(2),
                        "'");
  }
  std::string Bytes(std::uint64_t most) {
    std::string hex;
    for (std::uint64_t i = Below(most + 1); i > 0; --i)
      absl::StrAppend(&hex, Below(3) == 0 ? "00" : Padded(10 + Below(90), 2));
    return hex.empty() ? "''" : absl::StrCat("X'", hex, "'");
  }
  std::string String(const std::string& type) {
    if (type.find("BINARY(16)") == 0) return Bytes(16);
    if (type.find("BLOB") != std::string::npos || type.find("BINARY") != std::string::npos) return Bytes(40);
    static const std::vector<std::string> kLatin = {"a", "Z",  " ",    "ä",   "ß", "€",
                                                    "œ", "''", "\\\\", "\\0", "~"};
    static const std::vector<std::string> kWide = {"a", "ä", "漢", "\U0001F600", " ", "''", "\\n", "ﬀ"};
    const bool wide = type.find("latin1") == std::string::npos && type.find("ascii") == std::string::npos;
    std::string text = "'";
    const std::uint64_t most = type.find("CHAR(") == std::string::npos
                                   ? 60
                                   : static_cast<std::uint64_t>(std::atoi(&type[type.find("CHAR(") + 5]));
    for (std::uint64_t i = Below(most + 1); i > 0; --i) {
      if (type.find("ascii") != std::string::npos) {
        text += static_cast<char>('a' + Below(26));
      } else if (!wide) {
        text += kLatin[Below(kLatin.size())];
      } else {
        const std::string& sign = kWide[Below(kWide.size())];
        text += sign.size() == 4 && type.find("utf8mb3") != std::string::npos ? "x" : sign;
      }
      if (text.size() > 240 && type == "TINYTEXT") break;
    }
    return text + "'";
  }
  std::string Hex(std::size_t digits) {
    std::string text;
    for (std::size_t i = 0; i < digits; ++i) text += "0123456789abcdef"[Below(16)];
    return text;
  }
  std::string Uuid() {
    if (Below(12) == 0) return "'00000000-0000-0000-0000-000000000000'";
    std::string text = absl::StrCat("'", Hex(8), "-", Hex(4), "-", Hex(4), "-", Hex(4), "-", Hex(12), "'");
    // Versions that are stored as they are, and those that are turned; MariaDB takes no higher ones of
    // variant 0.
    if (Below(2) == 0) text[15] = "01234567"[Below(8)];
    if (text[15] > '7') text[20] = "89abcdef"[Below(8)];
    return text;
  }
  std::string Inet(const std::string& type) {
    if (type == "INET4")
      return absl::StrCat("'", Below(256), ".", Below(256), ".", Below(256), ".", Below(2) * Below(256), "'");
    if (Below(8) == 0) return absl::StrCat("'::ffff:", Below(256), ".2.3.", Below(256), "'");
    if (Below(8) == 0) return absl::StrCat("'::", Below(256), ".2.3.", Below(256), "'");
    std::vector<std::string> words;
    for (int i = 0; i < 8; ++i) words.push_back(Below(2) == 0 ? "0" : Hex(1 + Below(4)));
    return absl::StrCat("'", absl::StrJoin(words, ":"), "'");
  }

  std::mt19937_64 random_;
};

class MariadbLogTypes : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_MARIADB();
    server_ = MariadbServer::SharedWithBinlog();
    ASSERT_NE(server_, nullptr);
    database_ = server_->NewDatabase();
    connection_ = Connected(*server_, database_);
    ASSERT_NE(connection_, nullptr);
    Do(*connection_, {"SET SESSION sql_mode = ''"});
    const absl::StatusOr<BinlogPlace> end = ReadBinlogEnd(*connection_);
    ASSERT_TRUE(end.ok()) << end.status();
    begin_ = *end;
  }

  /// As a SELECT has the table's rows.
  std::vector<TextRow> Selected(const std::string& table, const std::vector<TypedColumn>& columns) {
    std::vector<std::string> terms;
    for (const TypedColumn& column : columns)
      terms.push_back(column.select.empty() ? absl::StrCat("`", column.name, "`") : column.select);
    const absl::StatusOr<mariadb::Rows> rows = connection_->Query(
        absl::StrCat("SELECT ", absl::StrJoin(terms, ", "), " FROM ", table, " ORDER BY 1"));
    EXPECT_TRUE(rows.ok()) << rows.status();
    std::vector<TextRow> all;
    for (std::size_t i = 0; rows.ok() && i < rows->rows(); ++i) {
      TextRow& row = all.emplace_back();
      for (std::size_t k = 0; k < rows->columns(); ++k)
        row.push_back(rows->IsNull(i, k) ? std::nullopt : std::optional(rows->Text(i, k)));
    }
    return all;
  }

  std::map<std::string, StringUse> Uses(const std::vector<TypedColumn>& columns) {
    std::map<std::string, StringUse> uses;
    for (const TypedColumn& column : columns) uses[column.name] = column.use;
    return uses;
  }

  MariadbServer* server_ = nullptr;
  std::string database_;
  std::unique_ptr<mariadb::Connection> connection_;
  BinlogPlace begin_;
};

TEST_F(MariadbLogTypes, RowsOfEveryTypeHaveTheTextsOfASelect) {
  const char* const set = std::getenv("MIRROR_TEST_SEED");
  const std::uint64_t seed = set != nullptr ? std::strtoull(set, nullptr, 10) : std::random_device{}();
  std::cout << "MIRROR_TEST_SEED=" << seed << "\n";
  RandomValues random(seed);
  const std::vector<TypedColumn> columns = TypedColumns();
  ASSERT_GE(columns.size(), 36U);
  std::vector<std::string> definitions, names;
  for (const TypedColumn& column : columns) {
    definitions.push_back(absl::StrCat("`", column.name, "` ", column.type));
    names.push_back(absl::StrCat("`", column.name, "`"));
  }
  Do(*connection_, {absl::StrCat("CREATE TABLE wide (", absl::StrJoin(definitions, ", "),
                                 ", PRIMARY KEY (id)) CHARACTER SET utf8mb4")});
  constexpr int kRows = 150;
  for (int id = 0; id < kRows; ++id) {
    std::vector<std::string> values = {absl::StrCat(id)};
    for (std::size_t i = 1; i < columns.size(); ++i) values.push_back(random.Of(columns[i].type));
    Do(*connection_, {absl::StrCat("INSERT INTO wide VALUES (", absl::StrJoin(values, ", "), ")")});
  }
  const std::vector<TextRow> rows = Selected("wide", columns);
  Do(*connection_, {"UPDATE wide SET t = 1 + COALESCE(t, 0) MOD 100, v = 'new'"});
  const std::vector<TextRow> updated = Selected("wide", columns);
  Do(*connection_, {"DELETE FROM wide"});

  const std::vector<ReadChange> changes =
      ChangesOf(EventsFrom(*server_, begin_), "wide", Uses(columns), CharsetsOf(*connection_));

  ASSERT_EQ(rows.size(), std::size_t{kRows});
  ASSERT_EQ(changes.size(), 3 * rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t k = 0; k < columns.size(); ++k) {
      ASSERT_EQ(changes[i].after[k], rows[i][k]) << columns[k].name << " " << columns[k].type;
      ASSERT_EQ(changes[kRows + i].before[k], rows[i][k]) << columns[k].name;
      ASSERT_EQ(changes[kRows + i].after[k], updated[i][k]) << columns[k].name;
      ASSERT_EQ(changes[2 * kRows + i].before[k], updated[i][k]) << columns[k].name;
    }
    EXPECT_TRUE(changes[i].whole);
  }
}

TEST_F(MariadbLogTypes, AllBytesOfLatin1AreThoseOfASelect) {
  Do(*connection_, {"CREATE TABLE letters (id INT PRIMARY KEY, v VARCHAR(4) CHARACTER SET latin1)"});
  for (int byte = 0; byte < 256; ++byte) {
    const std::string sql =
        absl::StrCat("INSERT INTO letters VALUES (", byte, ", CHAR(", byte, " USING latin1))");
    Do(*connection_, {sql});
  }
  const std::vector<TypedColumn> columns = {{"id", "INT"}, {"v", "VARCHAR(4)"}};
  const std::vector<TextRow> rows = Selected("letters", columns);
  const std::vector<ReadChange> changes =
      ChangesOf(EventsFrom(*server_, begin_), "letters", {}, CharsetsOf(*connection_));
  ASSERT_EQ(changes.size(), 256U);
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(changes[i].after, rows[i]) << i;
}

TEST_F(MariadbLogTypes, RowsOfCompressedEventsAreTheSame) {
  Do(*connection_,
     {"SET GLOBAL log_bin_compress = ON", "CREATE TABLE packed (id INT PRIMARY KEY, v LONGTEXT)",
      "INSERT INTO packed VALUES (1, REPEAT('abc', 100000)), (2, NULL)",
      "UPDATE packed SET v = CONCAT(v, 'x') WHERE id = 1", "DELETE FROM packed"});
  const std::vector<KeptEvent> events = EventsFrom(*server_, begin_);
  Do(*connection_, {"SET GLOBAL log_bin_compress = OFF"});
  int packed = 0;
  for (const KeptEvent& kept : events)
    packed += kept.event.type >= binlog::EventType::kQueryCompressed ? 1 : 0;
  EXPECT_GE(packed, 3);
  const std::vector<ReadChange> changes = ChangesOf(events, "packed", {}, CharsetsOf(*connection_));
  ASSERT_EQ(changes.size(), 5U);
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "abc";
  EXPECT_EQ(changes[0].after, (TextRow{"1", text}));
  EXPECT_EQ(changes[1].after, (TextRow{"2", std::nullopt}));
  EXPECT_EQ(changes[2].before, (TextRow{"1", text}));
  EXPECT_EQ(changes[2].after, (TextRow{"1", text + "x"}));
  EXPECT_EQ(changes[3].before, (TextRow{"1", text + "x"}));
}

TEST_F(MariadbLogTypes, RowsThatLackColumnsSaySo) {
  Do(*connection_,
     {"CREATE TABLE part (id INT PRIMARY KEY, a INT, b INT)", "INSERT INTO part VALUES (1, 2, 3)",
      "SET SESSION binlog_row_image = MINIMAL", "UPDATE part SET a = 5"});
  const std::vector<ReadChange> changes =
      ChangesOf(EventsFrom(*server_, begin_), "part", {}, CharsetsOf(*connection_));
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_TRUE(changes[0].whole);
  EXPECT_FALSE(changes[1].whole);
  EXPECT_EQ(changes[1].before, (TextRow{"1", std::nullopt, std::nullopt}));
  EXPECT_EQ(changes[1].after, (TextRow{std::nullopt, "5", std::nullopt}));
}

}  // namespace
}  // namespace mirror::mariadb_log_types_test
