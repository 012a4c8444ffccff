-- What search reads: a row for each offer that is on sale and each shop, kept by the database itself, in the
-- transaction that changes the offer, SKU or shop, whoever changes it. Orders touch none of it: stock is read where it
-- stands.

CREATE FUNCTION search_words(given text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT btrim(regexp_replace(translate(normalize(given, NFKC),
        'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
        '丟並乾亂亙亞佇佈佔併來侖侶侷俁係俔俠俬倀倆倉個們倖倫偉偑側偵偽傌傑傖傘備傢傭傯傳傴債傷傾僂僅僉僑僕僥僨僱價儀儂億儈儉儐儔儕儘償優儲儷儸儺儻儼兇兌兒兗內兩冊冑冪凈凍凜凱別刪剄則剋剎剛剝剮剴創剷劃劇劉劊劌'
        '劍劑勁動務勛勝勞勢勩勱勳勵勸勻匭匯匱區協卹卻厙厤厭厲厴參叢吒吳吶呂咼員唄唸問啞啟啢喎喚喪喫喬單喲嗆嗇嗊嗎嗚嗩嗶嘆嘍嘓嘔嘖嘗嘜嘩嘮嘯嘰嘵嘸嘽噁噓噚噠噥噦噯噲噴噸噹嚀嚇嚌嚐嚕嚙嚥嚦嚨嚮嚲嚳嚴嚶囀囁囂囅囈囉'
        '囌囑囪圇國圍園圓圖團埡埰執堅堊堝堯報場塊塋塏塒塗塚塢塤塵塹墊墜墮墳墾壇壎壓壘壙壚壞壟壢壩壯壺壼壽夠夢夥夾奐奧奩奪奮奼妝姍姦娛婁婦婭媧媯媰媼媽嫋嫗嫵嫻嫿嬃嬈嬋嬌嬙嬡嬤嬪嬰嬸孃孋孌孫學孿宮寀寢實寧審寫寬寵'
        '寶將專尋對導尷屆屍屜屢層屨屬岡峯峴島峽崍崑崗崙崢嵐嵾嶁嶄嶇嶔嶗嶠嶢嶧嶨嶮嶸嶺嶼嶽巋巒巔巖巰巹帥師帳帶幀幃幓幗幘幟幣幫幬幹幾庫廁廂廄廈廎廕廚廝廟廠廡廢廣廩廬廳弒弔弳張強彆彈彌彎彔彙彥彫彿後徑從徠復徵徹恆'
        '恥悅悵悶悽惡惱惲惻愛愜愨愴愷愾慄態慍慘慚慟慣慪慫慮慳慶慺慼慾憂憊憐憑憒憖憚憤憫憮憲憶懇應懌懍懞懟懣懤懨懲懶懷懸懺懼懾戀戇戔戧戩戰戲戶拋挩挾捨捫捱捲掃掄掗掙掛採揀揚換揮揯損搖搗搵搶摑摜摟摯摳摶摺摻撈撏撐'
        '撓撝撟撣撥撫撲撳撻撾撿擁擄擇擊擋擔據擠擣擬擯擰擱擲擴擷擺擻擼擽擾攄攆攏攔攖攙攛攜攝攢攣攤攪攬敓敗敘敵數斂斃斕斬斷於旂昇時晉晝暈暉暘暢暫曄曆曇曉曏曖曠曨曬書會朧朮東枴柵柺桿梔條梟梲棄棖棗棟棡棧棲棶椏椲楊'
        '楓楨業極榦榪榮榿構槍槓槤槧槨槮槳槶槼樁樂樅樑樓標樞樣樧樸樹樺樿橈橋機橢橫檁檉檔檜檟檢檣檮檯檳檸檻櫃櫓櫚櫛櫝櫞櫟櫥櫧櫨櫪櫫櫬櫱櫳櫸櫻欄權欏欒欖欞欽歎歐歟歡歲歷歸歿殘殞殤殫殭殮殯殰殲殺殼毀毆毿氂氈氌氣氫氬'
        '氳氾汎汙決沒沖況泝洩洶浹涇涗涼淒淚淥淨淩淪淵淶淺渙減渢渦測渾湊湞湧湯溈準溝溫溮溳溼滄滅滌滎滬滯滲滷滸滻滾滿漁漊漚漢漣漬漲漵漸漿潁潑潔潚潛潤潯潰潷潿澀澆澇澐澗澠澤澦澩澮澱濁濃濄濕濘濛濜濟濤濧濫濰濱濺濼濾'
        '瀅瀆瀇瀉瀋瀏瀕瀘瀝瀟瀠瀦瀧瀨瀰瀲瀾灃灄灑灕灘灝灡灣灤灩災為烏烴無煉煒煙煢煥煩煬熅熒熗熱熲熾燁燈燉燒燙燜營燦燬燭燴燻燼燾爍爐爛爭爺爾牀牆牘牽犖犛犢犧狀狹狽猙猶猻獃獄獅獎獨獪獫獮獰獲獵獷獸獺獻獼玀現琱琺琿'
        '瑋瑒瑣瑤瑩瑪瑲璉璡璣璦璫璯環璵璸璽璿瓊瓏瓔瓚甌甕產甦甯畝畢畫異當疇疊痙痠痾瘋瘍瘓瘞瘡瘧瘲瘺療癆癇癉癒癘癟癡癢癤癥癩癬癭癮癰癱癲發皁皚皰皸皺盃盜盞盡監盤盧盪眥眾睏睜睞瞜瞞瞶瞼矇矓矚矯硃硜硤硨硯碕碩碭確碼'
        '磑磚磠磣磧磯磽磾礄礎礙礦礪礫礬礱祕祿禍禎禕禡禦禪禮禰禱禿秈稅稈稜稟種稱穀穇穌積穎穠穡穢穩穫穭窩窪窮窯窵窶窺竄竅竇竊競筆筍筧筴箇箋箏節範築篋篔篠篤篩篳簀簍簑簞簡簣簫簹簽簾籃籌籔籙籛籜籟籠籤籩籪籬籮籲粵糝'
        '糞糧糰糲糴糶糾紀紂約紅紆紇紈紉紋納紐紓純紕紖紗紘紙級紛紜紝紡紬紮細紱紲紳紵紹紺紼紿絀終絃組絅絆絎結絕絛絞絡絢給絨絰統絲絳絹綁綃綆綈綌綏綑經綜綞綠綢綣綫綬維綯綰綱網綴綵綸綹綺綻綽綾綿緄緇緊緋緒緗緘緙線緝'
        '緞締緡緣緦編緩緬緯緱緲練緶緹緻縈縉縊縋縐縑縕縗縛縝縞縟縣縫縭縮縱縲縳縴縵縶縷縹總績繃繅繆繒織繕繚繞繡繢繩繪繫繭繯繰繳繸繹繼繽繾纇纈纊續纍纏纓纔纖纘纜缽罃罈罌罰罵罷羅羆羈羋羥羨義羶習翫翬翹翽耬聖聞聯聰聲'
        '聳聵聶職聹聽聾肅脅脈脛脣脩脫脹腎腡腦腫腳腸膃膕膚膞膠膩膽膾膿臉臍臏臘臚臟臠臢臥臨臺與興舉舊艙艤艦艫艱艷芻苧茲荊莊莖莢莧華菴菸萇萊萬萴萵葉葒葦葯葷蒐蒔蒞蒼蓀蓆蓋蓮蓯蓴蓽蔔蔘蔞蔣蔥蔦蔭蕁蕆蕎蕓蕕蕘蕢蕩蕪蕭'
        '蕷薀薈薊薌薑薔薘薟薦薩薳薴薵薹薺藍藎藝藥藪藭藶藹藺蘀蘄蘆蘇蘊蘋蘚蘞蘢蘭蘺蘿虆處虛虜號虧虯蛺蛻蜆蝕蝟蝦蝨蝸螄螞螢螮螻螿蟄蟈蟣蟬蟯蟲蟶蟻蠁蠅蠆蠍蠐蠑蠔蠟蠣蠨蠱蠶蠻衆衊術衕衚衛衝袞裊裏補裝裡製複褌褘褲褳褸褻'
        '襉襏襖襝襠襤襪襬襯襲襴覈見規覓視覘覡覦親覬覯覲覷覺覽覿觀觴觶觸訂訃計訊訌討訐訒訓訕訖託記訛訝訟訢訣訥訪設許訴訶診註証詁詆詎詐詒詔評詖詗詘詛詞詠詡詢詣試詩詫詬詭詮詰話該詳詵詼詿誄誅誆誇誌認誑誒誕誘誚語誠'
        '誡誣誤誥誦誨說誰課誶誹誼誾調諂諄談諉請諍諏諑諒論諗諛諜諝諞諡諢諤諦諧諫諭諮諱諳諶諷諸諺諼諾謀謁謂謄謅謊謎謐謔謖謗謙謚講謝謠謨謫謬謳謹謾譁證譎譏譖識譙譚譜譟譫譭譯議譴護譸譽譾讀讅變讋讌讎讒讓讕讖讚讜讞豈'
        '豎豐豔豬豶貓貙貝貞負財貢貧貨販貪貫責貯貰貲貳貴貶買貸貺費貼貽貿賀賁賂賃賄賅資賈賊賑賒賓賕賙賚賜賞賠賡賢賣賤賦賧質賬賭賰賴賵賺賻購賽賾贄贅贇贈贊贍贏贐贓贔贖贗贛赬趕趙趨趲跡踐踰踴蹌蹕蹟蹠蹣蹤蹺躂躉躊躋躍'
        '躎躑躒躓躕躚躡躥躦躪軀車軋軌軍軑軒軔軛軟軫軸軹軺軻軼軾較輅輇輈載輊輒輓輔輕輛輜輝輞輟輥輦輩輪輬輯輳輸輻輾輿轀轂轄轅轆轉轍轎轔轟轡轢轤辦辭辮辯農迴逕這連週進遊運過達違遙遜遞遠適遲遷選遺遼邁還邇邊邏邐郟郵'
        '鄆鄉鄒鄔鄖鄧鄭鄰鄲鄴鄶鄺酇酈醃醜醞醟醣醫醬醱釀釁釃釅釋釐釓釔釕釗釘釙針釣釤釦釧釩釵釷釹鈀鈁鈃鈄鈅鈉鈍鈐鈑鈒鈔鈕鈞鈣鈥鈦鈧鈮鈰鈳鈴鈷鈸鈹鈺鈽鈾鈿鉀鉅鉆鉈鉉鉋鉍鉑鉗鉚鉛鉞鉤鉦鉬鉭鉶鉸鉺鉻鉿銀銃銅銍銑銓銖銘'
        '銚銛銜銠銣銥銦銨銩銪銫銬銳銷銻銼鋁鋃鋅鋇鋌鋏鋒鋙鋝鋟鋤鋦鋨鋩鋪鋮鋯鋰鋱鋸鋼錁錄錆錈錏錐錒錕錘錙錚錛錟錠錡錢錦錨錩錫錮錯錳錶錸錼鍆鍇鍊鍋鍍鍔鍘鍚鍛鍠鍤鍥鍬鍰鍵鍶鍺鍼鍾鎂鎊鎌鎔鎖鎘鎚鎛鎡鎢鎣鎦鎧鎩鎪鎬鎮鎰'
        '鎲鎳鎵鏃鏇鏈鏌鏍鏐鏑鏗鏘鏜鏝鏞鏟鏡鏢鏤鏨鏵鏷鏹鏺鏽鐃鐋鐐鐒鐓鐔鐘鐙鐠鐨鐫鐮鐲鐳鐵鐶鐸鐺鐿鑄鑊鑌鑑鑒鑕鑞鑠鑣鑭鑰鑱鑲鑷鑼鑽鑾鑿钁钂長門閂閃閆閈閉開閌閎閏閑閒間閔閘閡閣閤閥閨閩閫閬閭閱閶閹閻閼閽閾閿闃闆闇'
        '闈闊闋闌闍闐闒闓闔闕闖關闞闠闡闢闤闥陘陝陞陣陰陳陸陽隉隊階隕際隨險隱隴隸隻雋雖雙雛雜雞離難雲電霑霢霧霽靂靄靆靈靉靚靜靦靨鞏鞝鞦韁韃韆韉韋韌韍韓韙韜韝韞韻響頁頂頃項順頇須頊頌頎頏預頑頒頓頗領頜頡頤頦頭頰'
        '頲頷頸頹頻顆題額顎顏顒顓願顙顛類顢顥顧顫顯顰顱顳顴風颭颮颯颱颳颶颸颺颻颼飀飄飆飛飢飣飥飩飪飫飭飯飲飴飼飽飾餃餅餈餉養餌餑餒餓餕餖餘餚餛餞餡館餬餱餳餵餺餼餾餿饁饃饅饈饉饋饌饑饒饗饜饞馬馭馮馱馳馴馹駁駐駑'
        '駒駔駕駘駙駛駝駟駢駭駰駱駸駿騁騂騅騍騎騏騖騙騤騧騫騭騮騰騶騷騸騾驀驁驂驃驄驅驊驌驍驏驕驗驚驛驟驢驤驥驦驪驫骯髏髒體髕髖髮鬆鬍鬚鬢鬥鬧鬨鬩鬮鬱魎魘魚魛魨魯魴魷魺鮐鮑鮒鮓鮚鮞鮦鮪鮫鮭鮮鮶鯀鯁鯇鯉鯊鯔鯕鯖鯗'
        '鯛鯡鯢鯤鯧鯨鯪鯫鯰鯷鯽鰆鰈鰉鰍鰒鰓鰜鰣鰥鰨鰩鰭鰱鰲鰳鰷鰹鰻鰼鰾鱈鱉鱒鱔鱖鱗鱘鱟鱠鱣鱧鱨鱭鱷鱸鱺鳥鳧鳩鳲鳳鳴鳶鴆鴇鴉鴒鴕鴛鴝鴞鴟鴣鴦鴨鴯鴰鴷鴻鴿鵁鵂鵃鵑鵒鵓鵜鵝鵠鵡鵪鵬鵯鵰鵲鵷鶄鶇鶉鶊鶖鶘鶚鶡鶩鶪鶬鶯鶲'
        '鶴鶹鶺鶻鶼鶿鷁鷂鷄鷊鷓鷖鷗鷙鷚鷥鷦鷫鷯鷲鷳鷴鷸鷹鷺鷽鸂鸇鸏鸕鸚鸛鸝鸞鹵鹹鹺鹼鹽麗麥麩麫麴麵麼黃黌點黨黲黴黶黷黽黿鼉鼕鼴齊齋齎齏齒齔齕齗齙齜齟齠齡齣齦齧齪齬齲齶齷龍龐龑龔龕龜',
        'abcdefghijklmnopqrstuvwxyz'
        '丢并干乱亘亚伫布占并来仑侣局俣系伣侠私伥俩仓个们幸伦伟㐽侧侦伪㐷杰伧伞备家佣偬传伛债伤倾偻仅佥侨仆侥偾雇价仪侬亿侩俭傧俦侪尽偿优储俪㑩傩傥俨凶兑儿兖内两册胄幂净冻凛凯别删刭则克刹刚剥剐剀创铲划剧刘刽刿'
        '剑剂劲动务勋胜劳势勚劢勋励劝匀匦汇匮区协恤却厍历厌厉厣参丛咤吴呐吕呙员呗念问哑启唡㖞唤丧吃乔单哟呛啬唝吗呜唢哔叹喽啯呕啧尝唛哗唠啸叽哓呒啴恶嘘㖊哒哝哕嗳哙喷吨当咛吓哜尝噜啮咽呖咙向亸喾严嘤啭嗫嚣冁呓啰'
        '苏嘱囱囵国围园圆图团垭采执坚垩埚尧报场块茔垲埘涂冢坞埙尘堑垫坠堕坟垦坛埙压垒圹垆坏垄坜坝壮壶壸寿够梦伙夹奂奥奁夺奋姹妆姗奸娱娄妇娅娲妫㛀媪妈袅妪妩娴婳媭娆婵娇嫱嫒嬷嫔婴婶娘㛤娈孙学孪宫采寝实宁审写宽宠'
        '宝将专寻对导尴届尸屉屡层屦属冈峰岘岛峡崃昆岗仑峥岚㟥嵝崭岖嵚崂峤峣峄峃崄嵘岭屿岳岿峦巅岩巯卺帅师帐带帧帏㡎帼帻帜币帮帱干几库厕厢厩厦庼荫厨厮庙厂庑废广廪庐厅弑吊弪张强别弹弥弯录汇彦雕佛后径从徕复征彻恒'
        '耻悦怅闷凄恶恼恽恻爱惬悫怆恺忾栗态愠惨惭恸惯怄怂虑悭庆㥪戚欲忧惫怜凭愦慭惮愤悯怃宪忆恳应怿懔蒙怼懑㤽恹惩懒怀悬忏惧慑恋戆戋戗戬战戏户抛捝挟舍扪挨卷扫抡挜挣挂采拣扬换挥搄损摇捣揾抢掴掼搂挚抠抟折掺捞挦撑'
        '挠㧑挢掸拨抚扑揿挞挝捡拥掳择击挡担据挤捣拟摈拧搁掷扩撷摆擞撸㧰扰摅撵拢拦撄搀撺携摄攒挛摊搅揽敚败叙敌数敛毙斓斩断于旗升时晋昼晕晖旸畅暂晔历昙晓向暧旷昽晒书会胧术东拐栅拐杆栀条枭棁弃枨枣栋㭎栈栖梾桠㭏杨'
        '枫桢业极干杩荣桤构枪杠梿椠椁椮桨椢椝桩乐枞梁楼标枢样榝朴树桦椫桡桥机椭横檩柽档桧槚检樯梼台槟柠槛柜橹榈栉椟橼栎橱槠栌枥橥榇蘖栊榉樱栏权椤栾榄棂钦叹欧欤欢岁历归殁残殒殇殚僵殓殡㱩歼杀壳毁殴毵牦毡氇气氢氩'
        '氲泛泛污决没冲况溯泄汹浃泾涚凉凄泪渌净凌沦渊涞浅涣减沨涡测浑凑浈涌汤沩准沟温浉涢湿沧灭涤荥沪滞渗卤浒浐滚满渔溇沤汉涟渍涨溆渐浆颍泼洁㴋潜润浔溃滗涠涩浇涝沄涧渑泽滪泶浍淀浊浓㳡湿泞蒙浕济涛㳔滥潍滨溅泺滤'
        '滢渎㲿泻沈浏濒泸沥潇潆潴泷濑弥潋澜沣滠洒漓滩灏㳕湾滦滟灾为乌烃无炼炜烟茕焕烦炀煴荧炝热颎炽烨灯炖烧烫焖营灿毁烛烩熏烬焘烁炉烂争爷尔床墙牍牵荦牦犊牺状狭狈狰犹狲呆狱狮奖独狯猃狝狞获猎犷兽獭献猕猡现雕珐珲'
        '玮玚琐瑶莹玛玱琏琎玑瑷珰㻅环玙瑸玺璇琼珑璎瓒瓯瓮产苏宁亩毕画异当畴叠痉酸疴疯疡痪瘗疮疟疭瘘疗痨痫瘅愈疠瘪痴痒疖症癞癣瘿瘾痈瘫癫发皂皑疱皲皱杯盗盏尽监盘卢荡眦众困睁睐䁖瞒瞆睑蒙眬瞩矫朱硁硖砗砚埼硕砀确码'
        '硙砖硵碜碛矶硗䃅硚础碍矿砺砾矾砻秘禄祸祯祎祃御禅礼祢祷秃籼税秆棱禀种称谷䅟稣积颖秾穑秽稳获穞窝洼穷窑窎窭窥窜窍窦窃竞笔笋笕䇲个笺筝节范筑箧筼筿笃筛筚箦篓蓑箪简篑箫筜签帘篮筹䉤箓篯箨籁笼签笾簖篱箩吁粤糁'
        '粪粮团粝籴粜纠纪纣约红纡纥纨纫纹纳纽纾纯纰纼纱纮纸级纷纭纴纺䌷扎细绂绁绅纻绍绀绋绐绌终弦组䌹绊绗结绝绦绞络绚给绒绖统丝绛绢绑绡绠绨绤绥捆经综缍绿绸绻线绶维绹绾纲网缀彩纶绺绮绽绰绫绵绲缁紧绯绪缃缄缂线缉'
        '缎缔缗缘缌编缓缅纬缑缈练缏缇致萦缙缢缒绉缣缊缞缚缜缟缛县缝缡缩纵缧䌸纤缦絷缕缥总绩绷缫缪缯织缮缭绕绣缋绳绘系茧缳缲缴䍁绎继缤缱颣缬纩续累缠缨才纤缵缆钵䓨坛罂罚骂罢罗罴羁芈羟羡义膻习玩翚翘翙耧圣闻联聪声'
        '耸聩聂职聍听聋肃胁脉胫唇修脱胀肾脶脑肿脚肠腽腘肤䏝胶腻胆脍脓脸脐膑腊胪脏脔臜卧临台与兴举旧舱舣舰舻艰艳刍苎兹荆庄茎荚苋华庵烟苌莱万荝莴叶荭苇药荤搜莳莅苍荪席盖莲苁莼荜卜参蒌蒋葱茑荫荨蒇荞芸莸荛蒉荡芜萧'
        '蓣蕰荟蓟芗姜蔷荙莶荐萨䓕苎䓓苔荠蓝荩艺药薮䓖苈蔼蔺萚蕲芦苏蕴苹藓蔹茏兰蓠萝蔂处虚虏号亏虬蛱蜕蚬蚀猬虾虱蜗蛳蚂萤䗖蝼螀蛰蝈虮蝉蛲虫蛏蚁蚃蝇虿蝎蛴蝾蚝蜡蛎蟏蛊蚕蛮众蔑术同胡卫冲衮袅里补装里制复裈袆裤裢褛亵'
        '裥袯袄裣裆褴袜摆衬袭襕核见规觅视觇觋觎亲觊觏觐觑觉览觌观觞觯触订讣计讯讧讨讦讱训讪讫托记讹讶讼䜣诀讷访设许诉诃诊注证诂诋讵诈诒诏评诐诇诎诅词咏诩询诣试诗诧诟诡诠诘话该详诜诙诖诔诛诓夸志认诳诶诞诱诮语诚'
        '诫诬误诰诵诲说谁课谇诽谊訚调谄谆谈诿请诤诹诼谅论谂谀谍谞谝谥诨谔谛谐谏谕咨讳谙谌讽诸谚谖诺谋谒谓誊诌谎谜谧谑谡谤谦谥讲谢谣谟谪谬讴谨谩哗证谲讥谮识谯谭谱噪谵毁译议谴护诪誉谫读谉变詟䜩雠谗让谰谶赞谠谳岂'
        '竖丰艳猪豮猫䝙贝贞负财贡贫货贩贪贯责贮贳赀贰贵贬买贷贶费贴贻贸贺贲赂赁贿赅资贾贼赈赊宾赇赒赉赐赏赔赓贤卖贱赋赕质账赌䞐赖赗赚赙购赛赜贽赘赟赠赞赡赢赆赃赑赎赝赣赪赶赵趋趱迹践逾踊跄跸迹跖蹒踪跷跶趸踌跻跃'
        '䟢踯跞踬蹰跹蹑蹿躜躏躯车轧轨军轪轩轫轭软轸轴轵轺轲轶轼较辂辁辀载轾辄挽辅轻辆辎辉辋辍辊辇辈轮辌辑辏输辐辗舆辒毂辖辕辘转辙轿辚轰辔轹轳办辞辫辩农回迳这连周进游运过达违遥逊递远适迟迁选遗辽迈还迩边逻逦郏邮'
        '郓乡邹邬郧邓郑邻郸邺郐邝酂郦腌丑酝蒏糖医酱酦酿衅酾酽释厘钆钇钌钊钉钋针钓钐扣钏钒钗钍钕钯钫钘钭钥钠钝钤钣钑钞钮钧钙钬钛钪铌铈钶铃钴钹铍钰钸铀钿钾巨钻铊铉铇铋铂钳铆铅钺钩钲钼钽铏铰铒铬铪银铳铜铚铣铨铢铭'
        '铫铦衔铑铷铱铟铵铥铕铯铐锐销锑锉铝锒锌钡铤铗锋铻锊锓锄锔锇铓铺铖锆锂铽锯钢锞录锖锩铔锥锕锟锤锱铮锛锬锭锜钱锦锚锠锡锢错锰表铼镎钔锴炼锅镀锷铡钖锻锽锸锲锹锾键锶锗针钟镁镑镰镕锁镉锤镈镃钨蓥镏铠铩锼镐镇镒'
        '镋镍镓镞旋链镆镙镠镝铿锵镗镘镛铲镜镖镂錾铧镤镪䥽锈铙铴镣铹镦镡钟镫镨镄镌镰镯镭铁镮铎铛镱铸镬镔鉴鉴锧镴铄镳镧钥镵镶镊锣钻銮凿镢镋长门闩闪闫闬闭开闶闳闰闲闲间闵闸阂阁合阀闺闽阃阆闾阅阊阉阎阏阍阈阌阒板暗'
        '闱阔阕阑阇阗阘闿阖阙闯关阚阓阐辟阛闼陉陕升阵阴陈陆阳陧队阶陨际随险隐陇隶只隽虽双雏杂鸡离难云电沾霡雾霁雳霭叇灵叆靓静腼靥巩绱秋缰鞑千鞯韦韧韨韩韪韬鞲韫韵响页顶顷项顺顸须顼颂颀颃预顽颁顿颇领颌颉颐颏头颊'
        '颋颔颈颓频颗题额颚颜颙颛愿颡颠类颟颢顾颤显颦颅颞颧风飐飑飒台刮飓飔飏飖飕飗飘飙飞饥饤饦饨饪饫饬饭饮饴饲饱饰饺饼糍饷养饵饽馁饿馂饾余肴馄饯馅馆糊糇饧喂馎饩馏馊馌馍馒馐馑馈馔饥饶飨餍馋马驭冯驮驰驯驲驳驻驽'
        '驹驵驾骀驸驶驼驷骈骇骃骆骎骏骋骍骓骒骑骐骛骗骙䯄骞骘骝腾驺骚骟骡蓦骜骖骠骢驱骅骕骁骣骄验惊驿骤驴骧骥骦骊骉肮髅脏体髌髋发松胡须鬓斗闹哄阋阄郁魉魇鱼鱽鲀鲁鲂鱿鲄鲐鲍鲋鲊鲒鲕鲖鲔鲛鲑鲜鲪鲧鲠鲩鲤鲨鲻鲯鲭鲞'
        '鲷鲱鲵鲲鲳鲸鲮鲰鲶鳀鲫䲠鲽鳇鳅鳆鳃鳒鲥鳏鳎鳐鳍鲢鳌鳓鲦鲣鳗鳛鳔鳕鳖鳟鳝鳜鳞鲟鲎鲙鳣鳢鲿鲚鳄鲈鲡鸟凫鸠鸤凤鸣鸢鸩鸨鸦鸰鸵鸳鸲鸮鸱鸪鸯鸭鸸鸹䴕鸿鸽䴔鸺鸼鹃鹆鹁鹈鹅鹄鹉鹌鹏鹎雕鹊鹓䴖鸫鹑鹒鹙鹕鹗鹖鹜䴗鸧莺鹟'
        '鹤鹠鹡鹘鹣鹚鹢鹞鸡鹝鹧鹥鸥鸷鹨鸶鹪鹔鹩鹫鹇鹇鹬鹰鹭鸴㶉鹯鹲鸬鹦鹳鹂鸾卤咸鹾碱盐丽麦麸面曲面么黄黉点党黪霉黡黩黾鼋鼍冬鼹齐斋赍齑齿龀龁龂龅龇龃龆龄出龈啮龊龉龋腭龌龙庞䶮龚龛龟'
    ), '[ \t\n\r\f\v]+', ' ', 'g'), ' ')
$$;
COMMENT ON FUNCTION search_words IS 'a name in the form in which it is searched: half width, small letters, simplified';

CREATE FUNCTION search_tokens(words text) RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT coalesce(array_agg(token), '{}') FROM (
        SELECT ascii(substr(words, place, 1)) AS token FROM generate_series(1, char_length(words)) AS place
        UNION
        SELECT (ascii(substr(words, place, 1)) << 16) # ascii(substr(words, place + 1, 1))
        FROM generate_series(1, char_length(words) - 1) AS place
    ) AS every
$$;
COMMENT ON FUNCTION search_tokens IS 'characters and pairs of neighbors, each in one integer, for the index';

CREATE FUNCTION search_index(words text, pinyin text) RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT public.search_tokens(words || ' ' || regexp_replace(coalesce(pinyin, ''), '[^A-Z]+', '', 'g'))
$$;
COMMENT ON FUNCTION search_index IS 'tokens of a name and, in capitals, of the initials of its reading';

CREATE FUNCTION week_of(hours jsonb) RETURNS int4multirange LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT coalesce(range_agg(int4range(
        (day.key::integer - 1) * 1440 + substr(span ->> 0, 1, 2)::integer * 60 + substr(span ->> 0, 4, 2)::integer,
        (day.key::integer - 1) * 1440 + substr(span ->> 1, 1, 2)::integer * 60 + substr(span ->> 1, 4, 2)::integer
    )), '{}')
    FROM jsonb_each(hours) AS day CROSS JOIN jsonb_array_elements(day.value) AS span
$$;
COMMENT ON FUNCTION week_of IS 'weekly hours as minutes since Monday 00:00, Shanghai time';

CREATE FUNCTION minute_of_week(moment timestamptz) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT ((extract(isodow FROM local) - 1) * 1440 + extract(hour FROM local) * 60 + extract(minute FROM local))::integer
    FROM (SELECT moment AT TIME ZONE 'Asia/Shanghai' AS local) AS at
$$;

CREATE FUNCTION meters_between(lat1 float8, lng1 float8, lat2 float8, lng2 float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT 2 * 6371008.8 * asin(least(1, sqrt(
        sin(radians(lat2 - lat1) / 2) ^ 2
        + cos(radians(lat1)) * cos(radians(lat2)) * sin(radians(lng2 - lng1) / 2) ^ 2)))
$$;
COMMENT ON FUNCTION meters_between IS 'great-circle distance on the mean sphere, as app.kernel.geo.distance_m before rounding';

CREATE FUNCTION delivery_fee_fen(fee_tiers jsonb, distance_m float8) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT (tier ->> 'fee_fen')::bigint FROM jsonb_array_elements(fee_tiers) WITH ORDINALITY AS tiers (tier, place)
    ORDER BY distance_m > (tier ->> 'up_to_m')::bigint,
        CASE WHEN distance_m > (tier ->> 'up_to_m')::bigint THEN -place ELSE place END
    LIMIT 1
$$;
COMMENT ON FUNCTION delivery_fee_fen IS 'as the rule of the same name in app.core.catalog.rules; a property test compares them';

CREATE FUNCTION keep_searched_offer(changed_id uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    known_words text;
    fresh searched_offers;
BEGIN
    SELECT words INTO known_words FROM searched_offers WHERE offer_id = changed_id;
    SELECT f.offer_id, f.shop_id, search_words(f.name), NULL, min(k.price_fen), s.lat, s.lng INTO fresh
    FROM offers AS f JOIN shops AS s ON s.shop_id = f.shop_id JOIN skus AS k ON k.offer_id = f.offer_id
    WHERE f.offer_id = changed_id AND f.state = 'on_sale' GROUP BY f.offer_id, s.shop_id;
    IF NOT FOUND THEN
        DELETE FROM searched_offers WHERE offer_id = changed_id;
    ELSE
        INSERT INTO searched_offers SELECT fresh.* ON CONFLICT (offer_id) DO UPDATE
        SET price_fen = excluded.price_fen, words = excluded.words,
            pinyin = CASE WHEN searched_offers.words = excluded.words THEN searched_offers.pinyin END;
        IF known_words IS DISTINCT FROM fresh.words THEN
            INSERT INTO unread_names (subject_id, kind) VALUES (changed_id, 'offer') ON CONFLICT DO NOTHING;
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION keep_searched_offer IS 'bring the row of search of one offer in line with the shelf';

CREATE FUNCTION offer_was_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM keep_searched_offer(new.offer_id);
    RETURN NULL;
END
$$;

CREATE FUNCTION sku_was_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM keep_searched_offer(coalesce(new.offer_id, old.offer_id));
    RETURN NULL;
END
$$;

CREATE FUNCTION shop_was_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO searched_shops AS z (shop_id, words, open_week)
    VALUES (new.shop_id, search_words(new.name), week_of(new.hours))
    ON CONFLICT (shop_id) DO UPDATE SET open_week = excluded.open_week, words = excluded.words,
        pinyin = CASE WHEN z.words = excluded.words THEN z.pinyin END;
    IF tg_op = 'INSERT' OR new.name <> old.name THEN
        INSERT INTO unread_names (subject_id, kind) VALUES (new.shop_id, 'shop') ON CONFLICT DO NOTHING;
    END IF;
    IF tg_op = 'UPDATE' AND (new.lat, new.lng) <> (old.lat, old.lng) THEN
        UPDATE searched_offers SET lat = new.lat, lng = new.lng WHERE shop_id = new.shop_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER offer_is_searched AFTER INSERT OR UPDATE OF name, state ON offers
    FOR EACH ROW EXECUTE FUNCTION offer_was_changed();
CREATE TRIGGER sku_is_searched AFTER INSERT OR UPDATE OF price_fen OR DELETE ON skus
    FOR EACH ROW EXECUTE FUNCTION sku_was_changed();
CREATE TRIGGER shop_is_searched AFTER INSERT OR UPDATE OF name, hours, lat, lng ON shops
    FOR EACH ROW EXECUTE FUNCTION shop_was_changed();
