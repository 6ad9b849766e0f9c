#ifndef MIRROR_TESTS_CLIENT_LOCAL_ZONE_H_
#define MIRROR_TESTS_CLIENT_LOCAL_ZONE_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <ctime>
#include <optional>
#include <string>

namespace mirror {

/// The process lives in that time zone as long as this does. In POSIX' form, as kBerlin, so that the machine
/// needs no list of zones.
class LocalZone {
 public:
  explicit LocalZone(const char* zone) {
    if (const char* before = getenv("TZ")) before_ = before;
    setenv("TZ", zone, 1);
    tzset();
  }
  ~LocalZone() {
    before_ ? setenv("TZ", before_->c_str(), 1) : unsetenv("TZ");
    tzset();
  }
  LocalZone(const LocalZone&) = delete;
  LocalZone& operator=(const LocalZone&) = delete;

 private:
  std::optional<std::string> before_;
};

/// 2 to 3 on the last Sunday of March (2026: the 29th), 3 to 2 on that of October (2026: the 25th).
inline constexpr char kBerlin[] = "CET-1CEST,M3.5.0,M10.5.0/3";

using LocalTimePoint = std::chrono::system_clock::time_point;

/// "2026-03-29 01:30:00"; of one that exists twice the one in summer time, unless it ends with " CET".
inline LocalTimePoint At(const std::string& text) {
  std::tm local = {};
  EXPECT_NE(strptime(text.c_str(), "%Y-%m-%d %H:%M:%S", &local), nullptr) << text;
  std::tm winter = local, summer = local;
  winter.tm_isdst = 0;
  summer.tm_isdst = 1;
  const std::time_t in_summer = mktime(&summer), in_winter = mktime(&winter);
  const bool told = text.ends_with(" CET");
  return std::chrono::system_clock::from_time_t(summer.tm_isdst == 1 && !told ? in_summer : in_winter);
}

/// As it reads, with the zone's name.
inline std::string Local(LocalTimePoint time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm local = {};
  localtime_r(&seconds, &local);
  char text[64];
  return std::string(text, strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %Z", &local));
}

}  // namespace mirror

#endif  // MIRROR_TESTS_CLIENT_LOCAL_ZONE_H_
