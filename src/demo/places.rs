//! The demo city's places: 郑州市, its 16 county-level units by their real names and codes, townships (the counts of the
//! 2023 statistics codes; real names where they are publicly known, invented ones to fill up), and its departments.
//! Areas are rectangles near the true places, made so that they tile; they are no boundaries to rely on.

use super::map::Rect;

/// A county-level unit.
pub(super) struct County {
    /// Its path part.
    pub(super) code: &'static str,
    /// GB/T 2260 or statistics code; 郑东新区 has none of its own.
    pub(super) gov_code: &'static str,
    pub(super) name: &'static str,
    /// The rectangles that its area consists of.
    pub(super) pieces: &'static [Rect],
    /// How many township-level units it has.
    pub(super) townships: usize,
    /// Names known; the rest is invented.
    pub(super) names: &'static [&'static str],
    /// What its numbers begin with, area code included.
    pub(super) prefix: &'static str,
}

/// The city.
pub(super) const CITY: (&str, &str, &str) = ("zz", "4101", "郑州市");

/// The county that the demo's lower accounts live in.
pub(super) const JINSHUI: &str = "jinshui";

pub(super) const COUNTIES: &[County] = &[
    County {
        code: "zhongyuan",
        gov_code: "410102",
        name: "中原区",
        pieces: &[[113.50, 34.70, 113.62, 34.77]],
        townships: 14,
        names: &[
            "林山寨街道",
            "建设路街道",
            "棉纺路街道",
            "秦岭路街道",
            "桐柏路街道",
            "三官庙街道",
            "绿东村街道",
            "汝河路街道",
            "航海西路街道",
            "中原西路街道",
            "西流湖街道",
            "须水街道",
            "柳湖街道",
            "莲湖街道",
        ],
        prefix: "037167",
    },
    County {
        code: "erqi",
        gov_code: "410103",
        name: "二七区",
        pieces: &[[113.62, 34.70, 113.66, 34.77], [113.50, 34.60, 113.66, 34.70]],
        townships: 16,
        names: &[
            "淮河路街道",
            "解放路街道",
            "铭功路街道",
            "一马路街道",
            "蜜蜂张街道",
            "五里堡街道",
            "大学路街道",
            "建中街街道",
            "福华街街道",
            "德化街街道",
            "嵩山路街道",
            "京广路街道",
            "长江路街道",
            "人和路街道",
            "马寨镇",
            "侯寨乡",
        ],
        prefix: "037168",
    },
    County {
        code: "guancheng",
        gov_code: "410104",
        name: "管城回族区",
        pieces: &[[113.66, 34.60, 113.72, 34.77]],
        townships: 14,
        names: &[
            "北下街街道",
            "西大街街道",
            "南关街道",
            "城东路街道",
            "东大街街道",
            "二里岗街道",
            "陇海马路街道",
            "紫荆山南路街道",
            "航海东路街道",
            "南曹街道",
            "十八里河街道",
            "金岱街道",
            "紫东路街道",
            "圃田乡",
        ],
        prefix: "037166",
    },
    County {
        code: JINSHUI,
        gov_code: "410105",
        name: "金水区",
        pieces: &[[113.58, 34.77, 113.72, 34.85]],
        // The statistics code counts 24; seven of them are run by 郑东新区 and stand there.
        townships: 17,
        names: &[
            "经八路街道",
            "花园路街道",
            "人民路街道",
            "杜岭街道",
            "大石桥街道",
            "南阳路街道",
            "南阳新村街道",
            "文化路街道",
            "丰产路街道",
            "东风路街道",
            "北林路街道",
            "未来路街道",
            "凤凰台街道",
            "国基路街道",
            "杨金路街道",
            "丰庆路街道",
            "兴达路街道",
        ],
        prefix: "037165",
    },
    County {
        code: "shangjie",
        gov_code: "410106",
        name: "上街区",
        pieces: &[[113.19, 34.76, 113.30, 34.86]],
        townships: 6,
        names: &["济源路街道", "中心路街道", "新安路街道", "工业路街道", "矿山街道", "峡窝镇"],
        prefix: "0371681",
    },
    County {
        code: "huiji",
        gov_code: "410108",
        name: "惠济区",
        pieces: &[[113.50, 34.85, 113.72, 34.97]],
        townships: 8,
        names: &["新城街道", "刘寨街道", "老鸦陈街道", "长兴路街道", "迎宾路街道", "大河路街道", "花园口镇", "古荥镇"],
        prefix: "037163",
    },
    County {
        code: "zhongmu",
        gov_code: "410122",
        name: "中牟县",
        pieces: &[[113.85, 34.60, 114.22, 34.97]],
        townships: 17,
        names: &[
            "青年路街道",
            "东风路街道",
            "广惠街街道",
            "郑庵镇",
            "韩寺镇",
            "官渡镇",
            "狼城岗镇",
            "万滩镇",
            "黄店镇",
            "大孟镇",
            "刘集镇",
            "雁鸣湖镇",
            "姚家镇",
            "刁家乡",
        ],
        prefix: "037162",
    },
    County {
        code: "jingkai",
        gov_code: "410171",
        name: "郑州经济技术开发区",
        pieces: &[[113.72, 34.60, 113.85, 34.75]],
        townships: 6,
        names: &["潮河街道", "明湖街道", "京航街道", "九龙街道", "前程街道", "祥云街道"],
        prefix: "0371667",
    },
    County {
        code: "gaoxin",
        gov_code: "410172",
        name: "郑州高新技术产业开发区",
        pieces: &[[113.50, 34.77, 113.58, 34.85]],
        townships: 5,
        names: &["石佛街道", "沟赵街道", "枫杨街道", "梧桐街道", "双桥街道"],
        prefix: "0371679",
    },
    County {
        code: "hangkong",
        gov_code: "410173",
        name: "郑州航空港经济综合实验区",
        pieces: &[[113.78, 34.27, 114.22, 34.60]],
        townships: 15,
        names: &[
            "新港街道",
            "银河街道",
            "郑港街道",
            "滨河街道",
            "清河街道",
            "龙王街道",
            "张庄街道",
            "冯堂街道",
            "三官庙街道",
            "八岗街道",
            "八千街道",
            "明港街道",
        ],
        prefix: "0371861",
    },
    County {
        code: "zhengdong",
        gov_code: "",
        name: "郑东新区",
        pieces: &[[113.72, 34.75, 113.85, 34.97]],
        townships: 7,
        names: &["如意湖街道", "祭城路街道", "商都路街道", "博学路街道", "龙子湖街道", "金光路街道", "龙湖街道"],
        prefix: "0371671",
    },
    County {
        code: "gongyi",
        gov_code: "410181",
        name: "巩义市",
        pieces: &[[112.70, 34.58, 113.19, 34.97]],
        townships: 20,
        names: &[
            "杜甫路街道",
            "新华路街道",
            "孝义街道",
            "紫荆路街道",
            "永安路街道",
            "米河镇",
            "新中镇",
            "小关镇",
            "竹林镇",
            "大峪沟镇",
            "河洛镇",
            "站街镇",
            "康店镇",
            "北山口镇",
            "西村镇",
            "芝田镇",
            "回郭镇",
            "鲁庄镇",
            "夹津口镇",
            "涉村镇",
        ],
        prefix: "0371643",
    },
    County {
        code: "xingyang",
        gov_code: "410182",
        name: "荥阳市",
        pieces: &[[113.19, 34.86, 113.30, 34.97], [113.19, 34.66, 113.30, 34.76], [113.30, 34.66, 113.50, 34.97]],
        townships: 14,
        names: &[
            "索河街道",
            "京城路街道",
            "乔楼镇",
            "豫龙镇",
            "广武镇",
            "王村镇",
            "汜水镇",
            "高山镇",
            "刘河镇",
            "崔庙镇",
            "贾峪镇",
            "城关乡",
            "高村乡",
            "金寨回族乡",
        ],
        prefix: "0371646",
    },
    County {
        code: "xinmi",
        gov_code: "410183",
        name: "新密市",
        pieces: &[[113.19, 34.27, 113.50, 34.66]],
        townships: 19,
        names: &[
            "青屏街街道",
            "新华路街道",
            "西大街街道",
            "矿区街道",
            "城关镇",
            "米村镇",
            "牛店镇",
            "平陌镇",
            "超化镇",
            "苟堂镇",
            "大隗镇",
            "刘寨镇",
            "白寨镇",
            "岳村镇",
            "来集镇",
            "曲梁镇",
            "袁庄乡",
            "伏羲山街道",
        ],
        prefix: "0371698",
    },
    County {
        code: "xinzheng",
        gov_code: "410184",
        name: "新郑市",
        pieces: &[[113.50, 34.27, 113.78, 34.60]],
        townships: 15,
        names: &[
            "新建路街道",
            "新华路街道",
            "新烟街道",
            "新村镇",
            "辛店镇",
            "观音寺镇",
            "梨河镇",
            "和庄镇",
            "薛店镇",
            "孟庄镇",
            "郭店镇",
            "龙湖镇",
            "城关乡",
        ],
        prefix: "0371626",
    },
    County {
        code: "dengfeng",
        gov_code: "410185",
        name: "登封市",
        pieces: &[[112.70, 34.27, 113.19, 34.58]],
        townships: 15,
        names: &[
            "嵩阳街道",
            "少林街道",
            "中岳街道",
            "大金店镇",
            "颍阳镇",
            "卢店镇",
            "告成镇",
            "阳城区镇",
            "大冶镇",
            "宣化镇",
            "徐庄镇",
            "东华镇",
            "白坪乡",
            "君召乡",
            "石道乡",
        ],
        prefix: "0371628",
    },
];

/// A department or company.
pub(super) struct Office {
    /// Its path part.
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) company: bool,
    /// Where its office is.
    pub(super) place: (f64, f64),
    /// The last digits of its duty phone.
    pub(super) phone: &'static str,
}

const fn office(
    code: &'static str,
    name: &'static str,
    company: bool,
    place: (f64, f64),
    phone: &'static str,
) -> Office {
    Office { code, name, company, place, phone }
}

/// The city's offices.
pub(super) const OFFICES: &[Office] = &[
    office("water", "市自来水公司", true, (113.640, 34.763), "67180001"),
    office("drainage", "市污水净化有限公司", true, (113.715, 34.721), "67180002"),
    office("power", "国网郑州供电公司", true, (113.655, 34.752), "67180003"),
    office("gas", "市燃气公司", true, (113.690, 34.776), "67180004"),
    office("heating", "市热力公司", true, (113.612, 34.758), "67180005"),
    office("transit", "市公共交通集团", true, (113.668, 34.739), "67180006"),
    office("metro", "市轨道交通集团", true, (113.742, 34.762), "67180007"),
    office("chengguan", "市城市管理局", false, (113.625, 34.747), "67180101"),
    office("gongan", "市公安局", false, (113.672, 34.765), "67180102"),
    office("jiaojing", "市公安局交通警察支队", false, (113.702, 34.752), "67180103"),
    office("jiaotong", "市交通运输局", false, (113.609, 34.744), "67180104"),
    office("zhujian", "市住房保障和城乡建设局", false, (113.611, 34.751), "67180105"),
    office("shengtai", "市生态环境局", false, (113.604, 34.742), "67180106"),
    office("yingji", "市应急管理局", false, (113.617, 34.741), "67180107"),
    office("weijian", "市卫生健康委员会", false, (113.607, 34.747), "67180108"),
    office("jiaoyu", "市教育局", false, (113.608, 34.745), "67180109"),
    office("renshe", "市人力资源和社会保障局", false, (113.606, 34.749), "67180110"),
    office("minzheng", "市民政局", false, (113.621, 34.743), "67180111"),
    office("shichang", "市市场监督管理局", false, (113.623, 34.739), "67180112"),
    office("shuili", "市水利局", false, (113.618, 34.755), "67180113"),
    office("yuanlin", "市园林局", false, (113.633, 34.760), "67180114"),
    office("shuiwu", "市税务局", false, (113.627, 34.750), "67180115"),
    office("yibao", "市医疗保障局", false, (113.605, 34.746), "67180116"),
    office("wenlv", "市文化广电和旅游局", false, (113.610, 34.740), "67180117"),
];

/// Offices that each county has.
pub(super) const COUNTY_OFFICES: &[(&str, &str)] = &[("chengguan", "城市管理局"), ("zhujian", "住房和城乡建设局")];

/// A line of the duty list: the class, who leads (`=code` an office of the city, `~code` one of each county, else a
/// level), and the city's offices that help.
pub(super) const DUTIES: &[(&str, &str, &[&str])] = &[
    ("water.supply.pipe_burst", "=water", &["chengguan"]),
    ("water.supply", "=water", &[]),
    ("water.sewer", "=drainage", &[]),
    ("water.drain", "=chengguan", &["drainage"]),
    ("water", "=water", &[]),
    ("power", "=power", &[]),
    ("gas.leak", "=gas", &["yingji"]),
    ("gas", "=gas", &[]),
    ("heating", "=heating", &["zhujian"]),
    ("road.damage", "~chengguan", &["chengguan"]),
    ("road.manhole", "=chengguan", &["drainage"]),
    ("road", "=chengguan", &[]),
    ("lighting", "=chengguan", &[]),
    ("noise.construction", "~chengguan", &["shengtai"]),
    ("noise", "county", &["shengtai"]),
    ("env.garbage", "township", &["chengguan"]),
    ("env.garbage", "county", &["chengguan"]),
    ("env", "county", &["shengtai"]),
    ("traffic", "=jiaojing", &[]),
    ("transit", "=transit", &["jiaotong"]),
    ("housing", "=zhujian", &[]),
    ("property.service", "~zhujian", &["zhujian"]),
    ("property", "~zhujian", &["zhujian"]),
    ("social", "=renshe", &["minzheng"]),
    ("edu_health", "=weijian", &["jiaoyu"]),
    ("market", "=shichang", &[]),
    ("safety", "=yingji", &["gongan"]),
    ("consult", "county", &[]),
    ("style", "city", &[]),
    ("other", "county", &[]),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn there_are_sixteen_counties_and_208_townships() {
        assert_eq!(COUNTIES.len(), 16);
        assert_eq!(COUNTIES.iter().map(|c| c.townships).sum::<usize>(), 208);
        for county in COUNTIES {
            assert!(county.names.len() <= county.townships, "{}", county.name);
            let distinct: HashSet<_> = county.names.iter().collect();
            assert_eq!(distinct.len(), county.names.len(), "{}", county.name);
        }
    }

    #[test]
    fn the_counties_tile_the_citys_rectangle() {
        let size = |r: &Rect| (r[2] - r[0]) * (r[3] - r[1]);
        let sum: f64 = COUNTIES.iter().flat_map(|c| c.pieces).map(size).sum();
        assert!((sum - (114.22 - 112.70) * (34.97 - 34.27)).abs() < 1e-9, "{sum}");
        let pieces: Vec<&Rect> = COUNTIES.iter().flat_map(|c| c.pieces).collect();
        for (n, a) in pieces.iter().enumerate() {
            for b in &pieces[n + 1..] {
                let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
                assert!(apart, "{a:?} and {b:?} overlap");
            }
        }
    }

    #[test]
    fn duties_name_offices_that_are_there() {
        for (class, lead, co) in DUTIES {
            let known = |code: &str| OFFICES.iter().any(|o| o.code == code);
            match lead.split_at(1) {
                ("=", code) => assert!(known(code), "{class}"),
                ("~", code) => assert!(COUNTY_OFFICES.iter().any(|(c, _)| *c == code), "{class}"),
                _ => assert!(lead.parse::<crate::orgs::UnitKind>().is_ok(), "{class}"),
            }
            assert!(co.iter().all(|c| known(c)), "{class}");
        }
    }
}
