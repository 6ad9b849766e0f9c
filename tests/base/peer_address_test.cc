#include "base/peer_address.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace mirror::peer_address_test {
namespace {

using testing::HasSubstr;

struct Address {
  explicit Address(const std::string& text) {
    auto& ip4 = reinterpret_cast<sockaddr_in&>(storage);
    auto& ip6 = reinterpret_cast<sockaddr_in6&>(storage);
    if (inet_pton(AF_INET, text.c_str(), &ip4.sin_addr) == 1) {
      storage.ss_family = AF_INET;
    } else {
      EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &ip6.sin6_addr), 1) << text;
      storage.ss_family = AF_INET6;
    }
  }
  const sockaddr& get() const { return reinterpret_cast<const sockaddr&>(storage); }
  sockaddr_storage storage{};
};

std::string Group(const std::string& text) { return AddressGroup(Address(text).get()); }

TEST(AddressGroupTest, AnIp4AddressIsAGroupAndOfIp6TheFirstHalf) {
  EXPECT_EQ(Group("192.0.2.7"), std::string("\xC0\x00\x02\x07", 4));
  EXPECT_EQ(Group("::ffff:192.0.2.7"), Group("192.0.2.7"));
  EXPECT_NE(Group("192.0.2.8"), Group("192.0.2.7"));
  EXPECT_EQ(Group("2001:db8:1:2::3"), Group("2001:db8:1:2:ffff::"));
  EXPECT_NE(Group("2001:db8:1:2::3"), Group("2001:db8:1:3::3"));
  sockaddr unix{};
  unix.sa_family = AF_UNIX;
  EXPECT_EQ(AddressGroup(unix), "");
}

TEST(AddressRangesTest, HasTheAddressesOfItsNetworks) {
  struct Case {
    std::string range, address;
    bool has;
  };
  for (const auto& [range, address, has] : std::vector<Case>{{"192.0.2.7", "192.0.2.7", true},
                                                             {"192.0.2.7", "192.0.2.8", false},
                                                             {"192.0.2.7", "::ffff:192.0.2.7", true},
                                                             {"10.0.0.0/8", "10.255.1.2", true},
                                                             {"10.0.0.0/8", "11.0.0.0", false},
                                                             {"10.0.0.0/9", "10.127.0.1", true},
                                                             {"10.0.0.0/9", "10.128.0.1", false},
                                                             {"0.0.0.0/0", "203.0.113.9", true},
                                                             {"0.0.0.0/0", "2001:db8::1", false},
                                                             {"2001:db8::/32", "2001:db8:ffff::1", true},
                                                             {"2001:db8::/32", "2001:db9::1", false},
                                                             {"2001:db8::1", "2001:db8::1", true},
                                                             {"::/0", "2001:db8::1", true}}) {
    AddressRanges ranges;
    ASSERT_THAT(ranges.Add(range), IsOk()) << range;
    EXPECT_EQ(ranges.Has(Address(address).get()), has) << range << " " << address;
  }
  EXPECT_FALSE(AddressRanges().Has(Address("127.0.0.1").get()));
}

TEST(AddressRangesTest, LoopbackIsThisMachine) {
  const AddressRanges loopback = AddressRanges::Loopback();
  for (const char* const here : {"127.0.0.1", "127.255.0.3", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(loopback.Has(Address(here).get())) << here;
  for (const char* const other : {"126.0.0.1", "128.0.0.1", "::2", "::", "192.0.2.1"})
    EXPECT_FALSE(loopback.Has(Address(other).get())) << other;
}

TEST(AddressRangesTest, WhatIsNoNetworkSaysWhy) {
  struct Case {
    std::string range, why;
  };
  for (const auto& [range, why] : std::vector<Case>{{"", "neither an IP address"},
                                                    {"localhost", "neither an IP address"},
                                                    {"10.0.0", "neither an IP address"},
                                                    {"10.0.0.0/", "a number of bits must follow, 0 to 32"},
                                                    {"10.0.0.0/33", "0 to 32"},
                                                    {"10.0.0.0/-1", "0 to 32"},
                                                    {"10.0.0.0/ 8", "0 to 32"},
                                                    {"2001:db8::/129", "0 to 128"},
                                                    {"10.1.0.0/8", "after the first 8"},
                                                    {"2001:db8::1/64", "after the first 64"}}) {
    EXPECT_THAT(AddressRanges().Add(range), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)))
        << range;
  }
}

}  // namespace
}  // namespace mirror::peer_address_test
